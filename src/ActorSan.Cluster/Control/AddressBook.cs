using System.Collections.Concurrent;
using Akka.Actor;

namespace ActorSan.Cluster.Control;

/// <summary>Where each node's ActorSystem listens, by node name. Any thread.</summary>
public sealed class AddressBook
{
    private readonly ConcurrentDictionary<string, Address> _addresses;

    public AddressBook(IEnumerable<KeyValuePair<string, Address>> known) => _addresses = new(known, StringComparer.Ordinal);

    /// <summary>Null: not known.</summary>
    public Address? Find(string node) => _addresses.GetValueOrDefault(node);

    /// <summary>From now on, in the place of what was known.</summary>
    public void Put(string node, Address address)
    {
        _addresses[node] = address;
        Changed?.Invoke([.. _addresses]);
    }

    /// <summary>With all that is known, on the thread of <see cref="Put"/>.</summary>
    public event Action<IReadOnlyCollection<KeyValuePair<string, Address>>>? Changed;
}

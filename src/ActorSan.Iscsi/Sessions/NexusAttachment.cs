using ActorSan.Scsi;
using ActorSan.Storage.Threads;

namespace ActorSan.Iscsi.Sessions;

/// <summary>Tells a unit, on its home thread, that a nexus began or ended, and brings the end back to the session's thread.</summary>
internal sealed class NexusAttachment
{
    private readonly Session _session;
    private readonly AttachMessage _attach;
    private readonly DetachMessage _detach;
    private readonly DetachedThereMessage _detachedThere;
    private readonly DetachedHereMessage _detachedHere;

    public NexusAttachment(Session session, LunNexus lunNexus)
    {
        _session = session;
        LunNexus = lunNexus;
        _attach = new AttachMessage(this);
        _detach = new DetachMessage(this);
        _detachedThere = new DetachedThereMessage(this);
        _detachedHere = new DetachedHereMessage(this);
    }

    public LunNexus LunNexus { get; }

    public void Attach()
    {
        if (LunNexus.Unit.Home is { IsCurrent: false } home)
        {
            _ = home.Post(_attach);
        }
        else
        {
            LunNexus.Unit.Attach(LunNexus);
        }
    }

    /// <summary>The unit's next answer to this nexus says that the LUN map has changed.</summary>
    public void TellViewChanged()
    {
        if (LunNexus.Unit.Home is { IsCurrent: false } home)
        {
            _ = home.Post(() => LunNexus.Unit.OnViewChanged(LunNexus));
        }
        else
        {
            LunNexus.Unit.OnViewChanged(LunNexus);
        }
    }

    /// <summary>The session's <see cref="Session.OnDetached"/> runs when no task of the nexus is left in the unit.</summary>
    public void Detach()
    {
        if (LunNexus.Unit.Home is not { IsCurrent: false } home)
        {
            LunNexus.Unit.Detach(LunNexus, _detachedThere);
        }
        else if (!home.Post(_detach))
        {
            // The unit's thread has stopped and its tasks with it.
            _session.OnDetached(this);
        }
    }

    private void BackHere()
    {
        if (_session.Thread.IsCurrent)
        {
            _session.OnDetached(this);
        }
        else
        {
            _ = _session.Thread.Post(_detachedHere);
        }
    }

    private sealed class AttachMessage(NexusAttachment attachment) : IoMessage
    {
        protected override void Run() => attachment.LunNexus.Unit.Attach(attachment.LunNexus);
    }

    private sealed class DetachMessage(NexusAttachment attachment) : IoMessage
    {
        protected override void Run() => attachment.LunNexus.Unit.Detach(attachment.LunNexus, attachment._detachedThere);
    }

    private sealed class DetachedThereMessage(NexusAttachment attachment) : IoMessage
    {
        protected override void Run() => attachment.BackHere();
    }

    private sealed class DetachedHereMessage(NexusAttachment attachment) : IoMessage
    {
        protected override void Run() => attachment._session.OnDetached(attachment);
    }
}

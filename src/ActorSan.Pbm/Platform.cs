// A SAN node is a Linux program: io_uring, epoll, O_DIRECT, Unix file modes.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

// A SAN node is a Linux program.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

/// One broker address with its credentials, as one URL gives them.
struct Endpoint: Sendable, Equatable {
    struct TLS: Sendable, Equatable {
        var caCertificateFile: String?
        var certificateFile: String?
        var keyFile: String?
    }

    var host: String
    var port: UInt16
    var virtualHost = "/"
    var username = "guest"
    var password = Secret("guest")
    /// Absent on plain TCP.
    var tls: TLS?
    var heartbeat: Duration?
    var connectTimeout: Duration?
}

extension Endpoint: CustomStringConvertible {
    /// Host and port; safe to log.
    var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// A value that shows itself in no log, description or dump.
struct Secret: Sendable, Equatable {
    let value: String
    init(_ value: String) { self.value = value }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "<redacted>" }
    var debugDescription: String { self.description }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}

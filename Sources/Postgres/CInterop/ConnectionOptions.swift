import CLibPQ

/// The keywords of one connection attempt, and what may be told about a connection string.
///
/// <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
enum ConnectionOptions {
    /// Keywords in libpq's order: a later one wins, so ours that are defaults stand before the user's string, and
    /// what we rely on stands behind it.
    static func keywords(for configuration: PostgresConfiguration) -> [(keyword: String, value: String)] {
        [
            ("application_name", configuration.applicationName),
            ("connect_timeout", String(max(1, configuration.connectTimeout.components.seconds))),
            // A reply that never comes is found by keepalives, data never acknowledged by tcp_user_timeout: both.
            ("keepalives", "1"),
            ("keepalives_idle", "5"),
            ("keepalives_interval", "2"),
            ("keepalives_count", "2"),
            ("tcp_user_timeout", String(configuration.tcpUserTimeout.inMilliseconds)),
            ("dbname", configuration.connectionString),
            ("client_encoding", "UTF8"),
        ]
    }

    /// Throws `.configuration` for what libpq cannot parse, or parses into something that can only be a typing error.
    static func validate(_ connectionString: String) throws(PostgresError) {
        let example = "expected postgresql://user:password@host:5432/database"
        guard !connectionString.isEmpty, let options = self.parse(connectionString) else {
            throw PostgresError(.configuration, reason: "the connection string is malformed, \(example)")
        }
        // An unescaped '@', '/' or ':' in a password ends up in these two; libpq would then quote it in its messages.
        let host = options["host"] ?? ""
        let ports = (options["port"] ?? "").split(separator: ",")
        guard !host.contains("@"), ports.allSatisfy({ UInt16($0) != nil }) else {
            throw PostgresError(
                .configuration,
                reason: "the connection string's host or port is malformed (escape '@', ':' and '/' in a password "
                    + "as %40, %3A and %2F), \(example)"
            )
        }
    }

    /// `host:port/database`, without user and password.
    static func endpoint(of connectionString: String) -> String {
        guard let options = self.parse(connectionString) else { return "malformed" }
        let hosts = (options["host"] ?? options["hostaddr"] ?? "local").split(separator: ",")
        let ports = (options["port"] ?? "5432").split(separator: ",")
        let servers = hosts.enumerated().map { index, host in
            "\(host):\(ports.count == hosts.count ? ports[index] : ports.first ?? "5432")"
        }
        return servers.joined(separator: ",") + (options["dbname"].map { "/\($0)" } ?? "")
    }

    /// The options the string sets; `nil` when it is malformed. libpq's message is dropped: it quotes the string.
    private static func parse(_ connectionString: String) -> [String: String]? {
        guard let options = unsafe PQconninfoParse(connectionString, nil) else { return nil }
        defer { unsafe PQconninfoFree(options) }
        return unsafe Self.values(options)
    }

    /// Copies keyword and value of every option that is set.
    static func values(_ options: UnsafePointer<PQconninfoOption>) -> [String: String] {
        var values: [String: String] = [:]
        var next = unsafe options
        while let keyword = unsafe next.pointee.keyword {
            if let value = unsafe next.pointee.val {
                unsafe values[String(cString: keyword)] = unsafe String(cString: value)
            }
            unsafe next += 1
        }
        return values
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a wait never ends just before its deadline.
    var inMilliseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}

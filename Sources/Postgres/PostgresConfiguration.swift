/// Where the server is and how long anything may take.
///
/// What the connection string says wins over `applicationName`, `connectTimeout`, `tcpUserTimeout` and the keepalives;
/// a time limit in its `options=-c …` wins over the ones here.
public struct PostgresConfiguration: Sendable {
    /// libpq URI or key=value string; secret. Several hosts and `target_session_attrs` work as in libpq.
    /// <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING>
    public var connectionString: String
    /// Shown in `pg_stat_activity`.
    public var applicationName = "skillrelay"
    /// For each host tried. libpq knows whole seconds; less than a second counts as one.
    public var connectTimeout: Duration = .seconds(3)
    /// The server ends a statement after this. The client waits ``graceForReply`` longer, then gives the connection up.
    public var statementTimeout: Duration = .seconds(2)
    /// The server gives up waiting for a lock after this (SQLSTATE 55P03).
    public var lockTimeout: Duration = .seconds(1)
    /// The server ends a session that leaves its transaction idle for this long, and so frees its locks.
    public var idleInTransactionTimeout: Duration = .seconds(5)
    /// The kernel gives a connection up when sent data stays unacknowledged for this long.
    public var tcpUserTimeout: Duration = .seconds(5)
    /// False behind a transaction-mode pooler: unnamed statements only, and no time limit is set on the session, which
    /// would leak to other clients of the pooler. Set them with `ALTER ROLE … SET statement_timeout` instead; the
    /// client's own deadlines hold all the same.
    public var preparesStatements = true

    /// How much longer than the server's own limit the client waits for the reply.
    static let graceForReply: Duration = .seconds(1)
    /// How much longer a cancelled call may take: the server has this long to obey the cancel request and to roll back,
    /// or to answer a COMMIT that is under way. Then the connection is given up.
    public static let graceForCancel: Duration = .milliseconds(500)

    /// Takes a connection string after a look at its form.
    ///
    /// - Throws: `.configuration`, with a text that quotes nothing of the string, since it may hold a password.
    public init(connectionString: String) throws(PostgresError) {
        try ConnectionOptions.validate(connectionString)
        self.connectionString = connectionString
    }

    /// Hosts, ports and database without user and password, for the log.
    public var endpoint: String {
        ConnectionOptions.endpoint(of: self.connectionString)
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
    /// The endpoint only: the connection string is secret.
    public var description: String { "PostgresConfiguration(\(self.endpoint))" }

    /// Hides the connection string from `dump` and string interpolation of a type that holds this one.
    public var customMirror: Mirror { Mirror(self, children: ["endpoint": self.endpoint]) }
}

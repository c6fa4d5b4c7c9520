/// How a pool is used at one moment.
public struct PostgresPoolUsage: Sendable, Hashable {
    /// The most connections it ever holds.
    public let limit: Int
    /// Connections that nobody uses.
    public let idle: Int
    /// Connections that are lent out.
    public let used: Int
    /// Attempts to connect under way, or about to be repeated.
    public let opening: Int
    /// Callers that wait for a connection.
    public let waiting: Int

    /// All connections that there may be are lent out.
    public var isExhausted: Bool { self.used >= self.limit }
}

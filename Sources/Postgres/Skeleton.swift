// SKELETON of the public API: signatures other targets are written against. The real files replace this one.
// Names and shapes may grow; existing ones must stay source compatible.
public import Foundation
public import Logging
public import ServiceLifecycle

public struct PostgresConfiguration: Sendable {
    /// libpq URI or key=value string; secret.
    public var connectionString: String
    public var applicationName = "skillrelay"
    public var connectTimeout: Duration = .seconds(3)
    public var statementTimeout: Duration = .seconds(2)
    public var lockTimeout: Duration = .seconds(1)
    public var idleInTransactionTimeout: Duration = .seconds(5)
    public var tcpUserTimeout: Duration = .seconds(5)
    /// False behind a transaction-mode pooler: unnamed statements only, and timeouts not sent as start-up options.
    public var preparesStatements = true
    public init(connectionString: String) throws(PostgresError) { fatalError("skeleton") }
}

/// A named constant statement; prepared once per connection.
public struct PostgresStatement: Sendable, Hashable {
    public let name: String
    public let sql: String
    public init(_ name: String, _ sql: String) { self.name = name; self.sql = sql }
}

/// Microseconds since the Unix epoch: what timestamptz holds, exactly.
public struct PostgresTimestamp: Sendable, Hashable, Comparable {
    public var unixMicroseconds: Int64
    public init(unixMicroseconds: Int64) { self.unixMicroseconds = unixMicroseconds }
    public static func < (a: Self, b: Self) -> Bool { a.unixMicroseconds < b.unixMicroseconds }
}

/// A bound parameter. uuid, bytea, timestamps, integers, bool and their arrays travel in binary; text in text.
public enum PostgresValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case int4(Int32)
    case int8(Int64)
    case text(String)
    case json(String)  // bound as jsonb
    case bytes([UInt8])
    case uuid(UUID)
    case timestamp(PostgresTimestamp)
    case uuidArray([UUID])
    case int4Array([Int32])
    case int8Array([Int64])
    case textArray([String])
    /// `nil` becomes `.null`.
    public static func optional<T>(_ value: T?, _ make: (T) -> PostgresValue) -> PostgresValue { fatalError("skeleton") }
}

/// Conformances: Bool, Int32, Int64, Int, Double, String (text, varchar, char, name, json, jsonb, uuid not), [UInt8], UUID,
/// PostgresTimestamp, [UUID], [Int64], [String], Optional.
public protocol PostgresDecodable: Sendable {}
extension Bool: PostgresDecodable {}
extension Int32: PostgresDecodable {}
extension Int64: PostgresDecodable {}
extension Int: PostgresDecodable {}
extension Double: PostgresDecodable {}
extension String: PostgresDecodable {}
extension UUID: PostgresDecodable {}
extension PostgresTimestamp: PostgresDecodable {}
extension Array: PostgresDecodable where Element: PostgresDecodable {}
extension UInt8: PostgresDecodable {}
extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {}

/// One row of a result, valid inside the decode closure only.
public struct PostgresRow: ~Copyable {
    /// Decodes all columns in order; throws `.decoding` when count or type differ or a NULL meets a non-optional.
    public func decode<each T: PostgresDecodable>(_ types: repeat (each T).Type) throws(PostgresError) -> (repeat each T) { fatalError("skeleton") }
}

extension PostgresRow {
    /// Decodes the only column.
    public func decode<T: PostgresDecodable>(_ type: T.Type) throws(PostgresError) -> T { fatalError("skeleton") }
}

/// What a synchronous block on a connection's own thread can do. Not Sendable: it cannot leave the block.
public struct PostgresSession {
    @discardableResult
    public func query<R>(_ statement: PostgresStatement, _ parameters: [PostgresValue] = [], decode: (borrowing PostgresRow) throws -> R) throws -> [R] { fatalError("skeleton") }
    /// Rows affected.
    @discardableResult
    public func execute(_ statement: PostgresStatement, _ parameters: [PostgresValue] = []) throws(PostgresError) -> Int { fatalError("skeleton") }
    /// Several statements without parameters, one implicit transaction (simple protocol): migrations.
    public func script(_ sql: String) throws(PostgresError) { fatalError("skeleton") }
    /// BEGIN, body, COMMIT; ROLLBACK when body throws. A COMMIT whose reply is lost throws `.outcomeUnknown`.
    public func transaction<R>(_ body: () throws -> R) throws -> R { fatalError("skeleton") }
    /// For the one transaction that spans awaits (the relay's claim).
    public func begin() throws(PostgresError) { fatalError("skeleton") }
    public func commit() throws(PostgresError) { fatalError("skeleton") }
    public func rollback() throws(PostgresError) { fatalError("skeleton") }
}

/// One connection on its own thread.
public actor PostgresConnection {
    public static func connect(_ configuration: PostgresConfiguration, logger: Logger) async throws(PostgresError) -> PostgresConnection { fatalError("skeleton") }
    /// Runs `body` on the connection's thread. Cancelling the calling task cancels the running statement.
    public func perform<R: Sendable>(_ body: @Sendable (PostgresSession) throws -> R) async throws -> R { fatalError("skeleton") }
    /// False after the connection was lost or closed.
    public nonisolated var isOpen: Bool { fatalError("skeleton") }
    public func close() async { fatalError("skeleton") }
}

/// A bounded pool; waiters are served in order.
public final class PostgresPool: Service, Sendable {
    public init(configuration: PostgresConfiguration, size: Int, acquireTimeout: Duration = .seconds(5), logger: Logger) { fatalError("skeleton") }
    /// Keeps connections alive until graceful shutdown, then drains: no new leases, waits for those out, closes all.
    public func run() async throws { fatalError("skeleton") }
    /// Leases a connection and runs `body` on its thread. Before `run()` or while the server is away: waits up to acquireTimeout, then `.unavailable`.
    public func perform<R: Sendable>(_ body: @Sendable (PostgresSession) throws -> R) async throws -> R { fatalError("skeleton") }
    /// One statement, autocommitted: the common case.
    public func query<R: Sendable>(_ statement: PostgresStatement, _ parameters: [PostgresValue] = [], decode: @Sendable (borrowing PostgresRow) throws -> R) async throws -> [R] { fatalError("skeleton") }
    /// True while at least one connection is up: for readiness.
    public var isConnected: Bool { fatalError("skeleton") }
}

/// SQLSTATE, e.g. `SQLState.uniqueViolation`.
public struct SQLState: RawRepresentable, Hashable, Sendable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public static let uniqueViolation = SQLState(rawValue: "23505")
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
}

public struct PostgresError: Error, Sendable {
    public struct Code: Hashable, Sendable {
        enum Base: Hashable { case configuration, unavailable, connectionLost, outcomeUnknown, server, timeout, cancelled, decoding, migration }
        let base: Base
        public static let configuration = Code(base: .configuration)  // connection string malformed
        public static let unavailable = Code(base: .unavailable)  // no connection could be had: nothing was sent
        public static let connectionLost = Code(base: .connectionLost)  // lost before anything could have been committed
        public static let outcomeUnknown = Code(base: .outcomeUnknown)  // lost while a commit may have happened
        public static let server = Code(base: .server)  // the server said no: see sqlState
        public static let cancelled = Code(base: .cancelled)
        public static let decoding = Code(base: .decoding)
        public static let migration = Code(base: .migration)
    }
    public var code: Code { fatalError("skeleton") }
    public var sqlState: SQLState? { fatalError("skeleton") }
    /// The constraint the server named, if any (safe to show).
    public var constraint: String? { fatalError("skeleton") }
    /// Nothing happened and the same call may succeed later (40001, 40P01, 55P03, 57014, 53xxx, 57P03, unavailable, connectionLost…).
    public var isRetryable: Bool { fatalError("skeleton") }
    /// The client's data is at fault (22P02, 22P05, 22021, 22003, 54001): HTTP 400.
    public var isInvalidInput: Bool { fatalError("skeleton") }
}

public struct PostgresMigration: Sendable {
    public let name: String  // m0001_outbox
    public let sql: String
    public init(name: String, sql: String) { self.name = name; self.sql = sql }
}

/// Applies migrations in order, one transaction each, under an advisory lock, checksums kept in `ledger`.
/// The first migration creates the ledger table (name text primary key, checksum text not null, applied_at timestamptz).
public struct PostgresMigrator: Sendable {
    public init(migrations: [PostgresMigration], ledger: String, lockKey: Int64, logger: Logger) { fatalError("skeleton") }
    /// Names applied (or, with `dryRun`, that would be).
    public func migrate(_ connection: PostgresConnection, dryRun: Bool = false) async throws -> [String] { fatalError("skeleton") }
}

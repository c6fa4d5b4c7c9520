/// A named constant statement; prepared once per connection.
///
/// Make them `static let`: a connection keeps every statement it has prepared until it closes.
public struct PostgresStatement: Sendable, Hashable {
    /// Appears in errors; two statements may share it.
    public let name: String
    /// One statement with `$1` binds.
    public let sql: String
    /// Changes nothing: when its reply is lost, nothing is unknown, and it may be run again.
    public let isReadOnly: Bool

    /// Names a statement.
    public init(_ name: String, _ sql: String, isReadOnly: Bool = false) {
        self.name = name
        self.sql = sql
        self.isReadOnly = isReadOnly
    }
}

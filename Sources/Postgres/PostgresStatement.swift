/// A named constant statement; prepared once per connection.
///
/// Make them `static let`: a connection keeps every statement it has prepared until it closes.
public struct PostgresStatement: Sendable, Hashable {
    /// Appears in errors; two statements may share it.
    public let name: String
    /// One statement with `$1` binds.
    public let sql: String

    /// Names a statement.
    public init(_ name: String, _ sql: String) {
        self.name = name
        self.sql = sql
    }
}

package import Outbox

/// What the operator's routes work with.
package struct OperatorServices: Sendable {
    package let token: OperatorToken
    package let database: OperatorDatabase
    /// What a purge keeps unless it is told otherwise.
    package let retention: Retention

    package init(token: OperatorToken, database: OperatorDatabase, retention: Retention) {
        self.token = token
        self.database = database
        self.retention = retention
    }
}

import Configuration
import Postgres

/// How to reach the database.
///
/// ## Configuration keys
///
/// - `database.url` (string, required, secret): a libpq connection URI or `key=value` string.
/// - `skillrelay.databasePrepare` (boolean, default true): false behind a pooler in transaction mode.
struct DatabaseConfiguration: Sendable {
    let connection: PostgresConfiguration

    init(config: ConfigReader) throws(ConfigurationError) {
        let url = try config.requiredText(.databaseURL)
        var connection: PostgresConfiguration
        do throws(PostgresError) {
            connection = try PostgresConfiguration(connectionString: url)
        } catch {
            // Quotes nothing of the string: it may hold a password.
            throw ConfigurationError(.databaseURL, error.reason)
        }
        connection.preparesStatements = try config.flag(.preparesStatements)
        self.connection = connection
    }
}

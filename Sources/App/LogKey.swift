/// The keys of this target's log metadata.
enum LogKey {
    static let address = "address"
    static let port = "port"
    static let role = "role"
    static let version = "version"
    static let messageID = "message.id"
    static let missingMigrations = "migrations.missing"
}

import Logging
import Postgres

/// The schema's migrations, from sql/migrations, in the binary.
enum Migrations {
    /// In the order in which they are applied. A file that is not in this list fails a test.
    static let all: [PostgresMigration] = [
        PostgresMigration(name: "m0001_ledger", bytes: PackageResources.m0001_ledger_sql),
        PostgresMigration(name: "m0002_acontext", bytes: PackageResources.m0002_acontext_sql),
        PostgresMigration(name: "m0003_outbox", bytes: PackageResources.m0003_outbox_sql),
        PostgresMigration(name: "m0004_idempotency_keys", bytes: PackageResources.m0004_idempotency_keys_sql),
        PostgresMigration(name: "m0005_header_names", bytes: PackageResources.m0005_header_names_sql),
        PostgresMigration(name: "m0006_operations", bytes: PackageResources.m0006_operations_sql),
        PostgresMigration(name: "m0007_header_names", bytes: PackageResources.m0007_header_names_sql),
        PostgresMigration(name: "m0008_messages", bytes: PackageResources.m0008_messages_sql),
        PostgresMigration(name: "m0009_is_learned", bytes: PackageResources.m0009_is_learned_sql),
        PostgresMigration(name: "m0010_objects", bytes: PackageResources.m0010_objects_sql),
    ]

    static func migrator(logger: Logger) -> PostgresMigrator {
        PostgresMigrator(
            migrations: Self.all,
            ledger: "skillrelay.schema_migrations",
            lockKey: Self.lockKey,
            logger: logger
        )
    }

    /// The advisory lock that keeps two instances from migrating at once: "SKILLREL" in ASCII.
    private static let lockKey: Int64 = 0x534B_494C_4C52_454C
}

extension PostgresMigration {
    fileprivate init(name: String, bytes: [UInt8]) {
        self.init(name: name, sql: String(decoding: bytes, as: UTF8.self))
    }
}

package import Foundation
package import Postgres

/// Reads and writes `public.projects`.
package struct ProjectStore: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) {
        self.pool = pool
    }

    /// The project whose token has this lookup hash (64 lowercase hexadecimal digits), or nil.
    ///
    /// - Throws: `PostgresError`.
    package func find(secretKeyHMAC: String) async throws -> Project? {
        try await self.pool.read(Self.findByHMAC, [.text(secretKeyHMAC)]) { row in
            let (id, phc, isEncrypted) = try row.decode(UUID.self, String.self, Bool.self)
            return Project(id: id, secretKeyHashPHC: phc, isEncrypted: isEncrypted)
        }.first
    }

    // `encryption_enabled` exists only on newer Acontext databases; to_jsonb reads it where it does.
    private static let findByHMAC = PostgresStatement(
        "projects.find",
        """
        SELECT id, secret_key_hash_phc, coalesce((to_jsonb(p) ->> 'encryption_enabled')::boolean, false)
        FROM public.projects AS p
        WHERE secret_key_hmac = $1
        """,
        isReadOnly: true
    )

    /// Makes a project known by this hash pair and returns its id.
    ///
    /// - Throws: `PostgresError`; `23505` when a project already has this token.
    package func create(secretKeyHMAC: String, secretKeyHashPHC: String) async throws -> UUID {
        try await self.pool.perform { session in
            try session.query(Self.insert, [.text(secretKeyHMAC), .text(secretKeyHashPHC)]) { row in
                try row.decode(UUID.self)
            }[0]
        }
    }

    private static let insert = PostgresStatement(
        "projects.insert",
        """
        INSERT INTO public.projects (secret_key_hmac, secret_key_hash_phc, configs) VALUES ($1, $2, '{}') RETURNING id
        """
    )

    /// Makes sure that the default project exists under this hash; leaves the row alone when its hash already matches, so that an
    /// Acontext beside us keeps its own salt (contract.md §3.2).
    ///
    /// `makePHC` is called only when the row must be written: hashing is slow on purpose.
    ///
    /// - Throws: `PostgresError`, and what `makePHC` throws.
    package func ensureDefault(secretKeyHMAC: String, makePHC: @Sendable () throws -> String) async throws {
        try await self.pool.perform { session in
            try session.transaction {
                // Several instances may start at once, and the table has no key that says there is one default.
                try session.execute(Self.lockDefault)
                let existing = try session.query(Self.findDefault) { row in
                    let (id, hmac) = try row.decode(UUID.self, String.self)
                    return (id: id, hmac: hmac)
                }.first
                if let existing {
                    guard existing.hmac != secretKeyHMAC else { return }
                    try session.execute(
                        Self.updateDefault,
                        [.uuid(existing.id), .text(secretKeyHMAC), .text(try makePHC())]
                    )
                } else {
                    try session.execute(Self.insertDefault, [.text(secretKeyHMAC), .text(try makePHC())])
                }
            }
        }
    }

    private static let lockDefault = PostgresStatement(
        "projects.lockDefault",
        "SELECT pg_advisory_xact_lock(hashtext('skillrelay.default_project'))"
    )

    private static let findDefault = PostgresStatement(
        "projects.findDefault",
        """
        SELECT id, secret_key_hmac FROM public.projects
        WHERE configs @> '{"__default_init_project__": true}'
        ORDER BY id LIMIT 1
        """
    )

    private static let updateDefault = PostgresStatement(
        "projects.updateDefault",
        """
        UPDATE public.projects SET secret_key_hmac = $2, secret_key_hash_phc = $3, updated_at = clock_timestamp() WHERE id = $1
        """
    )

    private static let insertDefault = PostgresStatement(
        "projects.insertDefault",
        """
        INSERT INTO public.projects (secret_key_hmac, secret_key_hash_phc, configs)
        VALUES ($1, $2, '{"__default_init_project__": true}')
        """
    )
}

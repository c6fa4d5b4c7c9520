import Support
import Testing

@testable import Tasks

@Suite("Expired idempotency keys, on a real database", .timeLimit(.minutes(1)))
struct IdempotencyKeyStoreTests {
    @Test("are removed in chunks, those in use and those that are locked stay")
    func purge() async throws {
        try await withFixture { fixture in
            let keys = IdempotencyKeyStore(pool: fixture.pool)
            try await fixture.database.script(
                """
                INSERT INTO skillrelay.idempotency_keys (project_id, key, fingerprint, expires_at)
                SELECT gen_random_uuid(), 'k' || n, decode(repeat('00', 32), 'hex'),
                    now() + CASE WHEN n <= 1501 THEN interval '-1 second' ELSE interval '1 hour' END
                FROM generate_series(1, 1510) AS n
                """
            )
            try await fixture.database.script(
                "BEGIN; SELECT FROM skillrelay.idempotency_keys WHERE key = 'k7' FOR UPDATE"
            )
            #expect(try await keys.purgeChunk() == IdempotencyKeyStore.chunk)
            #expect(try await keys.purgeChunk() == 500)
            #expect(try await keys.purgeChunk() == 0)
            try await fixture.database.script("COMMIT")
            #expect(try await keys.purgeChunk() == 1)
            #expect(try await fixture.database.value("SELECT count(*) FROM skillrelay.idempotency_keys") == 9)
        }
    }
}

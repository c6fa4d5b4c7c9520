import Foundation
import Logging
import Postgres
import S3
import ServiceLifecycle
import Support
import Testing

@testable import Tasks

/// An object store with a client that runs, and the stores that use it.
struct ObjectsFixture: Sendable {
    let store: TestObjectStore
    /// On the way to the object store; open at first.
    let proxy: FaultProxy
    /// On the way to the database; open at first.
    let databaseProxy: FaultProxy
    fileprivate let fixture: Fixture
    fileprivate let right: S3Client
    fileprivate let wrong: S3Client

    var messages: MessageStore { self.messages(secret: nil) }

    /// Another store; nil for the right secret.
    func messages(secret: String?) -> MessageStore {
        MessageStore(
            pool: self.fixture.pool,
            parts: PartStorage(
                objects: secret == nil ? self.right : self.wrong, pool: self.fixture.pool,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        )
    }

    var keeper: ObjectKeeper {
        ObjectKeeper(objects: self.right, pool: self.fixture.pool, logger: Logger(label: "test"))
    }

    /// Of all objects of the project, ascending.
    func counts() async throws -> [Int] {
        try await self.fixture.database.values("SELECT ref_count FROM public.asset_references ORDER BY ref_count")
    }

    /// As a route does.
    func delete(_ sessions: [UUID]) async throws {
        for session in sessions {
            try await self.fixture.sessions.delete(session, project: self.fixture.project).perform()
        }
    }

    /// Every message, of one session or of all, has all its objects.
    func expectWhole(_ session: UUID? = nil) async throws {
        let named: [String] = try await self.fixture.pool.query(
            Self.findNamed, [.optional(session, PostgresValue.uuid)]
        ) { row in try row.decode(String.self) }
        #expect(!named.isEmpty)
        for key in named {
            let parts = String(decoding: try self.store.bytes(key), as: UTF8.self)
            for asset in PartStorage.assets(inParts: parts) { _ = try self.store.bytes(asset.key) }
        }
    }

    private static let findNamed = PostgresStatement(
        "test.findNamed",
        "SELECT parts_asset_meta ->> 's3_key' FROM public.messages WHERE session_id = $1 OR $1 IS NULL"
    )
}

func withObjects(
    poolSize: Int = 4,
    _ body: @escaping @Sendable (Fixture, ObjectsFixture) async throws -> Void
) async throws {
    try await withProxiedFixture(poolSize: poolSize) { fixture, databaseProxy in
        try await withObjectStore { store in
            try await withFaultProxy(to: store.port) { proxy in
                proxy.open()
                var configuration = S3Configuration(
                    endpoint: try #require(S3Endpoint("http://127.0.0.1:\(proxy.port)")),
                    publicEndpoint: S3Endpoint(store.url), bucket: store.bucket,
                    accessKey: store.accessKey, secretKey: store.secretKey
                )
                configuration.patience = .seconds(3)
                let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                let right = S3Client(configuration: configuration, logger: logger)
                configuration.secretKey = "wrong"
                let wrong = S3Client(configuration: configuration, logger: logger)
                let objects = ObjectsFixture(
                    store: store, proxy: proxy, databaseProxy: databaseProxy, fixture: fixture, right: right,
                    wrong: wrong
                )
                let group = ServiceGroup(services: [right, wrong], logger: logger)
                async let end: Void = group.run()
                do {
                    try await body(fixture, objects)
                } catch {
                    await group.triggerGracefulShutdown()
                    try? await end  // the body's error says more
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await end
            }
        }
    }
}

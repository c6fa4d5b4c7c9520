import Foundation
import RabbitMQ
import Support

/// The whole system as one test has it for itself: a migrated database, a virtual host with CORE's queue, a project.
struct EndToEnd: Sendable {
    let database: TestDatabase
    let vhost: TestVhost
    let token: String

    /// Lends it without a running service.
    static func with(_ body: (EndToEnd) async throws -> Void) async throws {
        try await withTestServers { database, vhost in
            try await vhost.declareCore()
            let token = try await makeProject(in: database.url, pepper: Self.pepper)
            try await body(EndToEnd(database: database, vhost: vhost, token: token))
        }
    }

    /// Lends it with one service that runs and a client of that service.
    static func withService(_ body: (EndToEnd, ProjectClient) async throws -> Void) async throws {
        try await Self.with { system in
            try await system.serve { _, client in try await body(system, client) }
        }
    }

    /// Runs one more instance on the same database and broker, but for what `environment` says otherwise; `tracer` is a command that
    /// runs the one it is given.
    func serve(
        environment: [String: String] = [:],
        under tracer: [String] = [],
        _ body: (ServiceProcess, ProjectClient) async throws -> Void
    ) async throws {
        let defaults = Self.environment(database: self.database.url).merging(["RABBITMQ_URL": self.vhost.url]) { $1 }
        try await Support.withService(environment: defaults.merging(environment) { $1 }, under: tracer) { service in
            let client = ProjectClient(port: try await service.port(), token: self.token)
            try await body(service, client)
        }
    }

    /// Every message that CORE would have got, repeats included, once nothing is left to send. Takes them off the queue.
    func delivered(within limit: Duration = .seconds(30)) async throws -> [RabbitMQMessage] {
        try await eventually("the outbox is empty", within: limit) {
            try await self.database.value("SELECT pending FROM skillrelay.relay_status", as: Int.self) == 0
        }
        return try await withInbox(in: self.vhost) { inbox in try await inbox.settled(within: limit) }
    }

    /// The ids of all events that were ever committed.
    func eventIDs() async throws -> [String] {
        try await self.database.values("SELECT id FROM skillrelay.outbox ORDER BY id", as: UUID.self)
            .map { $0.uuidString.lowercased() }
    }

    private static let pepper = "end-to-end"

    /// The least that an instance needs.
    private static func environment(database: String) -> [String: String] {
        ["DATABASE_URL": database, "ROOT_SECRET_PEPPER": Self.pepper, "SKILLRELAY_PORT": "0"]
    }
}

extension RabbitMQMessage {
    /// The body as text.
    var text: String { String(decoding: self.body, as: UTF8.self) }
}

import Foundation
package import RabbitMQ

/// A virtual host that one test has for itself: no exchange, queue or message of another test is in it.
package struct TestVhost: Sendable {
    package let name: String
    /// AMQP URI: what `RABBITMQ_URL` is for the code under test.
    package let url: String
    private let management: HTTPProbe

    /// Makes it and lets the user of `RABBITMQ_URL` do everything in it.
    ///
    /// Through the broker's HTTP API: `rabbitmqctl` takes a second of processor time for each call.
    static func make() async throws -> TestVhost {
        let url = try TestURL(TestEnvironment.rabbitMQURL)
        let management = try TestURL(TestEnvironment.rabbitMQManagementURL)
        let credentials = Data("\(management.user):\(management.password)".utf8).base64EncodedString()
        let name = "test-\(UUID().uuidString.lowercased().prefix(13))"
        let vhost = TestVhost(
            name: name,
            url: url.path(name),
            management: HTTPProbe(
                port: management.port,
                headers: ["authorization": "Basic \(credentials)", "content-type": "application/json"]
            )
        )
        try await vhost.manage("PUT", "vhosts/\(name)")
        try await vhost.allow(url.user)
        return vhost
    }

    func delete() async throws {
        try await self.manage("DELETE", "vhosts/\(self.name)")
    }

    /// Declares what CORE declares, as CORE does (contract.md §5.1): its exchange, its queue, the binding.
    package func declareCore() async throws {
        try await withConnection { connection in try await connection.declareCore() }
    }

    /// Lends the test a connection of its own.
    package func withConnection<Result>(_ body: (RabbitMQConnection) async throws -> Result) async throws -> Result {
        let connection = try await RabbitMQConnection.connect(
            RabbitMQConfiguration(urls: self.url),
            logger: .tests
        )
        return try await cleaningUp {
            try await body(connection)
        } afterwards: {
            await connection.close()
        }
    }

    /// Makes a user who may do everything in this virtual host and nothing elsewhere; gone with ``delete()``.
    ///
    /// - Returns: the user's name.
    package func makeUser(password: String) async throws -> String {
        let name = "user-\(self.name)"
        try await self.manage("PUT", "users/\(name)", #"{"password":"\#(password)","tags":""}"#)
        try await self.allow(name)
        return name
    }

    /// Lets a user do everything here.
    package func allow(_ user: String) async throws {
        try await self.manage(
            "PUT", "permissions/\(self.name)/\(user)", #"{"configure":".*","write":".*","read":".*"}"#
        )
    }

    /// The messages that wait in a queue, with every property as the broker has it; they stay there.
    package func peek(_ queue: String, limit: Int = 100) async throws -> [StoredMessage] {
        let answer = try await self.manage(
            "POST",
            "queues/\(self.name)/\(queue)/get",
            #"{"count":\#(limit),"ackmode":"ack_requeue_true","encoding":"auto"}"#
        )
        return try answer.decode([StoredMessage].self)
    }

    /// Asks the broker's HTTP API <https://www.rabbitmq.com/docs/management#http-api>, at a path under `/api/`.
    @discardableResult
    package func manage(_ method: String, _ path: String, _ body: String = "") async throws -> HTTPAnswer {
        let answer = try await self.management.send(method, "/api/\(path)", body: body)
        guard (200..<300).contains(answer.status) else {
            throw TestError("\(method) \(path): the broker's API answers \(answer.status) \(answer.text)")
        }
        return answer
    }
}

/// A message as the broker's HTTP API shows it.
package struct StoredMessage: Decodable, Sendable {
    package struct Properties: Decodable, Sendable {
        package let message_id: String?
        package let type: String?
        package let content_type: String?
        package let app_id: String?
        package let delivery_mode: Int?
        package let timestamp: Int?
        package let headers: [String: String]?
    }

    package let payload: String
    package let exchange: String
    package let routing_key: String
    package let redelivered: Bool
    package let properties: Properties
}

extension RabbitMQConnection {
    /// CORE's exchange for learning tasks.
    package static var coreExchange: String { "learning.skill" }
    /// CORE's key for them.
    package static var coreRoutingKey: String { "learning.skill.distill" }
    /// The queue that CORE reads them from.
    package static var coreQueue: String { "learning.skill.distill.entry" }

    func declareCore() async throws {
        try await self.declareExchange(Self.coreExchange)
        try await self.declareQueue(Self.coreQueue, arguments: ["x-message-ttl": .int(604_800_000)])
        try await self.bindQueue(Self.coreQueue, exchange: Self.coreExchange, routingKey: Self.coreRoutingKey)
    }
}

/// Lends a virtual host to a test and deletes it afterwards, whatever became of the test.
package func withTestVhost<Result>(_ body: (TestVhost) async throws -> Result) async throws -> Result {
    let vhost = try await TestVhost.make()
    return try await cleaningUp {
        try await body(vhost)
    } afterwards: {
        try await vhost.delete()
    }
}

/// Lends a database and a virtual host.
package func withTestServers<Result>(
    _ body: (TestDatabase, TestVhost) async throws -> Result
) async throws -> Result {
    try await withTestDatabase { database in
        try await withTestVhost { vhost in
            try await body(database, vhost)
        }
    }
}

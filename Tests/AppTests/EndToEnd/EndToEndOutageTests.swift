import RabbitMQ
import Support
import Testing

/// Servers that are not there when the service starts.
@Suite(.timeLimit(.minutes(2)))
struct EndToEndOutageTests {
    @Test("without a broker at the start a status is accepted, its event waits, and goes out once the broker is there")
    func brokerComesLate() async throws {
        try await EndToEnd.with { system in
            let broker = try TestURL(system.vhost.url)
            try await withFaultProxy(to: broker.port) { proxy in
                let environment = ["RABBITMQ_URL": broker.port(proxy.port)]
                try await system.serve(environment: environment) { service, client in
                    let task = try await client.makeLearningTask()
                    #expect(try await client.setStatus(of: task, to: "success").status == 200)
                    #expect(try await system.pendingCount() == 1)
                    #expect(service.isRunning)

                    proxy.open()
                    let messages = try await system.delivered()
                    #expect(messages.map(\.text) == [task.learningMessage])
                    #expect(messages.map(\.messageID) == (try await system.eventIDs()))
                }
            }
        }
    }

    @Test("without a database at the start requests get 503 with Retry-After until it is there")
    func databaseComesLate() async throws {
        try await EndToEnd.with { system in
            let database = try TestURL(system.database.url)
            try await withFaultProxy(to: database.port) { proxy in
                let environment = ["DATABASE_URL": database.port(proxy.port)]
                try await system.serve(environment: environment) { service, client in
                    #expect(try await client.probe.send("GET", "/health").status == 200)
                    let refused = try await client.probe.send("POST", "/api/v1/session", body: "{}")
                    #expect(refused.status == 503)
                    #expect(refused.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
                    #expect(service.isRunning)

                    proxy.open()
                    try await eventually("requests are answered") {
                        try await client.probe.send("POST", "/api/v1/session", body: "{}").status == 201
                    }
                    let task = try await client.makeLearningTask()
                    #expect(try await client.setStatus(of: task, to: "success").status == 200)
                    #expect(try await system.delivered().count == 1)
                }
            }
        }
    }
}

extension EndToEnd {
    fileprivate func pendingCount() async throws -> Int {
        try await self.database.value("SELECT pending FROM skillrelay.relay_status")
    }
}

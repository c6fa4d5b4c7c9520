import Foundation
import RabbitMQ
import Support
import Testing

extension FailureTests {
    @Suite struct FailoverTests {
        @Test(
            "the first database dies, a synchronous standby takes over: the same process goes on, nothing is lost",
            .timeLimit(.minutes(3)))
        func standbyTakesOver() async throws {
            let servers = try #require(PrivateServersTrait.servers)
            try await withTestServers { database, vhost in
                try await vhost.declareCore()
                let token = try await makeProject(in: database.url, pepper: "failover")
                try await withStandby(of: servers) { standby in
                    let url = try TestURL(database.url)
                    let both = database.url.replacing(":\(url.port)/", with: ":\(url.port),127.0.0.1:\(standby.port)/")
                    let environment = [
                        "DATABASE_URL": both + "?target_session_attrs=read-write", "RABBITMQ_URL": vhost.url,
                        "ROOT_SECRET_PEPPER": "failover", "SKILLRELAY_PORT": "0",
                    ]
                    try await withService(environment: environment) { service in
                        let client = ProjectClient(port: try await service.port(), token: token)
                        let tasks = try await self.makeTasks(client)
                        let accepted = try await self.finish(tasks, client) {
                            // In the middle of it, and with requests under way.
                            try await servers.crash(.postgres)
                            try await standby.promote()
                        }
                        #expect(accepted.count == tasks.count)
                        try await self.expectNothingLost(accepted, on: url.port(standby.port), in: vhost)
                        #expect(service.isRunning)
                    }
                }
            }
        }

        private func makeTasks(_ client: ProjectClient) async throws -> [ProjectClient.Task] {
            let session = try await client.makeSession()
            try await client.learn(from: session)
            var tasks: [ProjectClient.Task] = []
            for _ in 0..<400 { tasks.append(try await client.makeTask(in: session)) }
            return tasks
        }

        /// Sets each task to `success`, many at a time, again until it is accepted, always under one key; does something when half are.
        private func finish(
            _ tasks: [ProjectClient.Task],
            _ client: ProjectClient,
            halfway: () async throws -> Void
        ) async throws -> [String] {
            var accepted: [String] = []
            try await withThrowingTaskGroup(of: String.self) { group in
                var rest = tasks[...]
                func begin() {
                    guard let task = rest.popFirst() else { return }
                    group.addTask {
                        let key = ["idempotency-key": task.id]
                        try await eventually("\(task.id) is accepted", within: .seconds(60)) {
                            let answer = try? await client.setStatus(of: task, to: "success", headers: key)
                            return answer?.status == 200
                        }
                        return task.id
                    }
                }
                for _ in 0..<8 { begin() }
                while let task = try await group.next() {
                    accepted.append(task)
                    begin()
                    if accepted.count == tasks.count / 2 { try await halfway() }
                }
            }
            return accepted
        }

        /// One event for each task on the new server, one message at least for each event, and none for anything else.
        private func expectNothingLost(_ tasks: [String], on url: String, in vhost: TestVhost) async throws {
            let events = try await withTestConnection(to: url) { connection in
                let database = TestDatabase(url: url, connection: connection)
                try await eventually("nothing is pending", within: .seconds(30)) {
                    try await database.value("SELECT pending FROM skillrelay.relay_status", as: Int.self) == 0
                }
                return try await database.values(
                    "SELECT convert_from(payload, 'UTF8')::jsonb ->> 'task_id' FROM skillrelay.outbox", as: String.self
                )
            }
            #expect(events.sorted() == tasks.sorted())
            let messages = try await withInbox(in: vhost) { inbox in try await inbox.settled() }
            let learned = messages.map { String(decoding: $0.body, as: UTF8.self) }
            #expect(Set(learned).count == tasks.count)
            #expect(tasks.allSatisfy { task in learned.contains { $0.contains(task) } })
        }
    }
}

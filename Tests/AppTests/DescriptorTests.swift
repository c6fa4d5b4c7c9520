import Support
import Testing

@Suite("A process without a descriptor left", .timeLimit(.minutes(2)))
struct DescriptorTests {
    @Test("new connections wait, nothing spins, those that are open are served, and all is well when one is free")
    func exhausted() async throws {
        try await EndToEnd.with { system in
            try await system.serve { service, client in
                let task = try await client.makeLearningTask()
                let limit = try service.descriptorCount + 3
                try await service.limitDescriptors(to: limit)
                try await self.withConnections(16, to: client.probe) { connections in
                    let first = try await connections[0].send("GET", "/health")
                    #expect(first.status == 200)
                    // Numbers count, and some below the limit may have been free.
                    try await eventually("no descriptor is left") { try service.descriptorCount >= limit }

                    let spent = try service.processorTime
                    try await Task.sleep(for: .seconds(1))  // only time can show that nothing spins
                    #expect(try service.processorTime - spent < .milliseconds(500))
                    let change = try await connections[0].send(
                        "PATCH", task.statusPath, headers: client.probe.headers, body: #"{"status":"success"}"#
                    )
                    #expect(change.status == 200)
                }
                #expect(try await client.probe.send("GET", "/health").status == 200)
                #expect(try await system.delivered().map(\.text) == [task.learningMessage])
            }
        }
    }

    /// Lends open connections.
    private func withConnections(
        _ count: Int,
        to probe: HTTPProbe,
        _ body: ([HTTPConnection]) async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body([]) }
        try await probe.withConnection { connection in
            try await self.withConnections(count - 1, to: probe) { others in try await body([connection] + others) }
        }
    }
}

import Support
import Testing

/// One pair of servers for a suite and all that is in it.
struct PrivateServersTrait: SuiteTrait, TestScoping {
    @TaskLocal static var servers: PrivateServers?

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withPrivateServers { servers in
            try await Self.$servers.withValue(servers) { try await function() }
        }
    }
}

extension Trait where Self == PrivateServersTrait {
    /// Servers that these tests may break, and nobody else uses.
    static var privateServers: Self { PrivateServersTrait() }
}

import Support
import Testing

@testable import API

@Suite("The API while a synchronous standby is missing", .timeLimit(.minutes(3)))
struct StandbyTests {
    private static let success = #"{"status":"success"}"#
    private static let unknown = "the database was lost, whether the request took effect is unknown: retry"

    @Test("answers no 200 for a change that the standby does not have, whoever ends the wait for it")
    func unreplicated() async throws {
        var limits = APILimits()
        limits.requestDeadline = .seconds(3)
        try await withPrivateServers { servers in
            try await withTestDatabase { database in
                try await withAPI(on: database, at: database.url, limits: limits) { api in
                    let (first, second, third) = (
                        try await api.makeLearningTask(), try await api.makeLearningTask(),
                        try await api.makeLearningTask()
                    )
                    try await withStandby(of: servers) { standby in
                        let _: TaskBody = try await api.client.send("PATCH", first, body: Self.success).data()
                        // It follows nobody from now on, and nobody confirms what is committed here.
                        try await standby.promote()

                        // The deadline ends the wait: the commit succeeds, and its event can be read.
                        try expect(try await api.client.send("PATCH", second, body: Self.success), 503, Self.unknown)
                        try await eventually("the change is committed here") { try await api.eventCount() == 2 }

                        // Somebody else ends it, and the request has the time to look for what it wrote.
                        async let answer = api.client.send("PATCH", third, body: Self.success)
                        try await eventually("the commit waits for the standby") {
                            try await database.values(
                                """
                                SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                                WHERE datname = current_database() AND wait_event = 'SyncRep'
                                """
                            ) == [true]
                        }
                        try expect(try await answer, 503, Self.unknown)
                        #expect(try await api.eventCount() == 3)
                    }
                }
            }
        }
    }
}

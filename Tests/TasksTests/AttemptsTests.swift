import Postgres
import Testing

@testable import Tasks

@Suite("Attempts at database work")
struct AttemptsTests {
    private static func server(_ state: String) -> PostgresError {
        PostgresError(.server, sqlState: SQLState(rawValue: state), reason: "test")
    }

    private static let lost = PostgresError(.connectionLost, reason: "test")
    private static let unknown = PostgresError(.outcomeUnknown, reason: "first")

    @Test(
        "are three where nothing is in doubt, and the last failure is the verdict",
        arguments: [lost, server("40001"), server("40P01"), server("23503")])
    func transient(error: PostgresError) {
        var attempts = Attempts()
        #expect(attempts.pause(after: error, random: 1) == .milliseconds(50))
        #expect(attempts.pause(after: error, random: 1) == .milliseconds(100))
        #expect(attempts.pause(after: error, random: 1) == nil)
        #expect((attempts.verdict(error) as? PostgresError)?.sqlState == error.sqlState)
        #expect(!attempts.isInDoubt)
    }

    @Test(
        "end at once when the server is away or busy, has refused, or the caller is gone",
        arguments: [
            PostgresError(.unavailable, reason: ""), PostgresError(.cancelled, reason: ""), server("55P03"),
            server("57014"), server("53300"), server("25006"), server("23505"), server("42P01"),
        ]
    )
    func final(error: PostgresError) {
        var attempts = Attempts()
        #expect(attempts.pause(after: error, random: 0.5) == nil)
        #expect((attempts.verdict(error) as? PostgresError)?.code == error.code)
    }

    @Test("are made alone after a batch that failed, in doubt if that was, and not when the server is away")
    func batch() throws {
        // What another moment may mend counts as an attempt, what may be another's fault does not.
        for (error, pauses) in [
            (Self.lost, 1), (Self.server("40P01"), 1), (Self.server("23514"), 2),
            (PostgresError(.cancelled, reason: ""), 2),
        ] {
            var attempts = Attempts()
            try attempts.followBatch(failed: error)
            #expect(!attempts.isInDoubt)
            for _ in 0..<pauses { #expect(attempts.pause(after: Self.lost, random: 1) != nil) }
            #expect(attempts.pause(after: Self.lost, random: 1) == nil)
        }
        var attempts = Attempts()
        try attempts.followBatch(failed: Self.unknown)
        #expect(attempts.isInDoubt)
        #expect((attempts.verdict(Self.lost) as? PostgresError)?.code == .outcomeUnknown)
        // One row that cannot be read hides what all others were answered.
        var unread = Attempts()
        try unread.followBatch(failed: PostgresError(.decoding, reason: ""))
        #expect(unread.isInDoubt)
        #expect((unread.verdict(Self.server("23505")) as? PostgresError)?.code == .outcomeUnknown)
        #expect(throws: PostgresError.self) {
            try attempts.followBatch(failed: PostgresError(.unavailable, reason: ""))
        }
    }

    @Test("go on without end once the outcome is unknown, a second apart at most, and stay unknown")
    func doubt() {
        var attempts = Attempts()
        #expect(attempts.pause(after: Self.unknown, random: 0) == .zero)
        #expect(attempts.isInDoubt)
        for error in [
            Self.lost, Self.server("55P03"), Self.server("23505"), PostgresError(.unavailable, reason: ""),
            PostgresError(.outcomeUnknown, reason: "second"), Self.server("57P03"), Self.server("25006"),
        ] + Array(repeating: Self.lost, count: 100) {
            let pause = attempts.pause(after: error, random: 1)
            #expect(pause.map { $0 <= .seconds(1) } == true, "\(error)")
            #expect((attempts.verdict(error) as? PostgresError)?.reason == "first")
        }
    }

    @Test("end with the doubt when the next one is refused, or has no time left")
    func doubtRemains() {
        let ends: [any Error] = [TasksError.taskNotFound, PostgresError(.cancelled, reason: ""), Self.server("42P01")]
        for end in ends {
            var attempts = Attempts()
            _ = attempts.pause(after: Self.unknown, random: 0)
            #expect(attempts.pause(after: end, random: 0) == nil)
            #expect((attempts.verdict(end) as? PostgresError)?.code == .outcomeUnknown)
        }
    }
}

import Hummingbird
import NIOCore
import Postgres
import Tasks
import Testing

@testable import API

@Suite("An error")
struct FailureTests {
    private static func serverError(_ state: String) -> PostgresError {
        PostgresError(.server, sqlState: SQLState(rawValue: state), reason: "test")
    }

    @Test(
        "of the database that may be gone in a second is 503 and says so",
        arguments: [
            PostgresError(.unavailable, reason: ""), PostgresError(.connectionLost, reason: ""),
            PostgresError(.outcomeUnknown, reason: ""), PostgresError(.cancelled, reason: ""), serverError("40001"),
            serverError("40P01"), serverError("55P03"), serverError("57014"), serverError("53300"),
            serverError("57P03"),
            serverError("25006"), serverError("23505"), serverError("23503"),
        ]
    )
    func transient(error: PostgresError) throws {
        let failure = try #require(Failure.expected(for: error))
        #expect(failure.status == .serviceUnavailable && failure.code == 503 && failure.isWorthRetrying)
        #expect(failure.message.contains("unknown") == (error.code == .outcomeUnknown))
    }

    @Test("of the object store that may be gone in a second is 503 and says so")
    func objectStore() throws {
        let failure = try #require(Failure.expected(for: TasksError.objectStoreUnavailable))
        #expect(failure.status == .serviceUnavailable && failure.code == 503 && failure.isWorthRetrying)
    }

    @Test(
        "of the database that the request's values cause is 400",
        arguments: ["22P02", "22P05", "22021", "22003", "54001", "54000"]
    )
    func invalidInput(state: String) throws {
        let failure = try #require(Failure.expected(for: Self.serverError(state)))
        #expect(failure == RequestError.invalidParameter.failure)
    }

    @Test("that nobody foresaw is 500 without its cause")
    func unforeseen() {
        for error: any Error in [
            Self.serverError("42P01"), PostgresError(.decoding, reason: "secret"),
            HTTPError(.internalServerError, message: "secret"), ChannelError.eof,
        ] {
            #expect(Failure.expected(for: error) == nil)
            let failure = Failure.unforeseen(error)
            #expect(failure.status == .internalServerError && !failure.message.contains("secret"))
            #expect((failure.message == "database error") == (error is PostgresError))
        }
    }

    @Test("of the framework's own keeps its status and gets the envelope")
    func framework() {
        #expect(Failure.expected(for: HTTPError(.notFound)) == RequestError.notFound.failure)
        #expect(Failure.expected(for: HTTPError(.badRequest, message: "x"))?.message == "bad request")
        #expect(Failure.expected(for: NIOTooManyBytesError(maxBytes: 1)) == RequestError.bodyTooLarge.failure)
        #expect(Failure.expected(for: CancellationError())?.status == .serviceUnavailable)
    }
}

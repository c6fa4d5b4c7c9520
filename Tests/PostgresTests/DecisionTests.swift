import Testing

@testable import Postgres

@Suite("What errors mean")
struct PostgresErrorTests {
    @Test(
        "rolled back, may succeed later",
        arguments: ["40001", "40P01", "55P03", "57014", "53100", "53200", "53300", "57P03", "25006", "25P02"]
    )
    func retryable(_ code: String) {
        let error = PostgresError(.server, sqlState: SQLState(rawValue: code), reason: "")
        #expect(error.isRetryable)
        #expect(!error.isInvalidInput)
    }

    @Test("the caller's values are at fault", arguments: ["22P02", "22P05", "22021", "22003", "22008", "54001"])
    func invalidInput(_ code: String) {
        let error = PostgresError(.server, sqlState: SQLState(rawValue: code), reason: "")
        #expect(error.isInvalidInput)
        #expect(!error.isRetryable)
    }

    @Test("the statement or the schema is at fault", arguments: ["42P01", "42703", "42501", "23505", "23514", "XX000"])
    func fault(_ code: String) {
        let error = PostgresError(.server, sqlState: SQLState(rawValue: code), reason: "")
        #expect(!error.isInvalidInput)
        #expect(!error.isRetryable)
    }

    @Test("an unknown outcome is never called retryable, whatever the SQLSTATE")
    func unknown() {
        for state in [nil, SQLState.adminShutdown, .queryCanceled] {
            #expect(!PostgresError(.outcomeUnknown, sqlState: state, reason: "").isRetryable)
        }
        #expect(PostgresError(.connectionLost, reason: "").isRetryable)
        #expect(PostgresError(.unavailable, reason: "").isRetryable)
        #expect(!PostgresError(.cancelled, reason: "").isRetryable)
    }

    @Test("the server's words are for developers only")
    func redacted() {
        let error = PostgresError(.server, sqlState: .uniqueViolation, reason: "refused", serverMessage: "Ada")
            .located(statement: "insert", file: "F.swift", line: 7)
        #expect(error.description == "server: refused [SQLSTATE 23505] [statement insert] (F.swift:7)")
        #expect(error.debugDescription.hasSuffix(": Ada"))
    }
}

@Suite("Which statements are prepared")
struct PreparedStatementsTests {
    private let statement = PostgresStatement("find", "SELECT $1, $2")

    @Test("a bind without a type fits what is there; one with another type does not")
    func types() {
        var prepared = PreparedStatements()
        #expect(prepared.entry(for: self.statement, types: [.int8, .uuid]) == nil)
        let entry = prepared.draft(for: self.statement, types: [.int8, .uuid])
        prepared.keep(entry, for: self.statement)
        #expect(prepared.entry(for: self.statement, types: [.int8, .uuid]) == entry)
        #expect(prepared.entry(for: self.statement, types: [.unspecified, .uuid]) == entry)
        #expect(prepared.entry(for: self.statement, types: [.int4, .uuid]) == nil)
        #expect(prepared.entry(for: self.statement, types: [.int8]) == nil)
    }

    @Test("types that become known are kept, so that NULLs cost no further statement")
    func merging() {
        var prepared = PreparedStatements()
        prepared.keep(prepared.draft(for: self.statement, types: [.int8, .unspecified]), for: self.statement)
        let second = prepared.draft(for: self.statement, types: [.unspecified, .uuid])
        #expect(second.types == [.int8, .uuid])
    }

    @Test("two statements of one name are kept apart, and no server name is used twice")
    func names() {
        var prepared = PreparedStatements()
        let other = PostgresStatement("find", "SELECT 2")
        let first = prepared.draft(for: self.statement, types: [])
        prepared.keep(first, for: self.statement)
        #expect(prepared.entry(for: other, types: []) == nil)
        let second = prepared.draft(for: other, types: [])
        #expect(first.serverName != second.serverName)
        prepared.forget(self.statement)
        #expect(prepared.draft(for: self.statement, types: []).serverName != first.serverName)
    }
}

@Suite("Backoff")
struct BackoffTests {
    @Test("grows to its cap, never falls under its floor, and spreads over its range")
    func delays() {
        let backoff = Backoff(base: .milliseconds(100), cap: .seconds(2), floor: .milliseconds(10))
        #expect(backoff.delay(failures: 1, random: 1) == .milliseconds(100))
        #expect(backoff.delay(failures: 3, random: 1) == .milliseconds(400))
        #expect(backoff.delay(failures: 3, random: 0.5) == .milliseconds(200))
        #expect(backoff.delay(failures: 3, random: 0) == .milliseconds(10))
        #expect(backoff.delay(failures: 1_000_000, random: 1) == .seconds(2))
    }
}

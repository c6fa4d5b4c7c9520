import Testing

@testable import Postgres

@Suite("Statements on a server")
struct StatementTests {
    private static let one = PostgresStatement("one", "SELECT $1::int8")

    @Test("a statement is prepared once per connection")
    func preparedOnce() async throws {
        try await withConnection { connection in
            for number in 1...5 {
                let values = try await connection.perform { session in
                    try session.query(Self.one, [.int8(Int64(number))]) { try $0.decode(Int64.self) }
                }
                #expect(values == [Int64(number)])
            }
            try await connection.expect(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int8'", is: [Int64(1)])
        }
    }

    @Test("behind a pooler nothing is prepared")
    func unprepared() async throws {
        var configuration = try Server.configuration()
        configuration.preparesStatements = false
        try await withConnection(configuration) { connection in
            try await connection.expect("SELECT $1::int8", [.int8(3)], is: [Int64(3)])
            try await connection.expect("SELECT count(*) FROM pg_prepared_statements", is: [Int64(0)])
        }
    }

    @Test("a bind that is sometimes NULL and sometimes not costs two statements at most")
    func nullableBinds() async throws {
        let sql = "SELECT coalesce($1::int8, 0) + coalesce($2::int8, 0)"
        try await withConnection { connection in
            for binds: [PostgresValue] in [
                [.null, .null], [.int8(1), .null], [.null, .int8(2)], [.int8(1), .int8(2)], [.null, .null],
            ] {
                _ = try await connection.values(sql, binds, as: Int64.self)
            }
            let count: [Int64] = try await connection.values(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%coalesce%' AND statement NOT LIKE '%pg_prep%'"
            )
            #expect(count[0] <= 3)
        }
    }

    @Test("after DISCARD ALL statements are prepared anew")
    func discarded() async throws {
        try await withConnection { connection in
            try await connection.expect("SELECT $1::int8", [.int8(1)], is: [Int64(1)])
            try await connection.script("DISCARD ALL")
            try await connection.expect("SELECT $1::int8", [.int8(2)], is: [Int64(2)])
        }
    }

    @Test("after a change of its table a statement is prepared anew")
    func changedTable() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TEMPORARY TABLE changing (a int8); INSERT INTO changing VALUES (1)")
            try await connection.expect("SELECT * FROM changing", is: [Int64(1)])
            try await connection.script("ALTER TABLE changing ALTER a TYPE text")
            try await connection.expect("SELECT * FROM changing", is: ["1"])
        }
    }

    @Test("execute tells how many rows it affected")
    func affectedRows() async throws {
        try await withConnection { connection in
            try await connection.script("CREATE TEMPORARY TABLE counted (a int8)")
            let insert = PostgresStatement("insert", "INSERT INTO counted SELECT generate_series(1, $1)")
            #expect(try await connection.perform { try $0.execute(insert, [.int4(7)]) } == 7)
        }
    }

    @Test("an error carries SQLSTATE, constraint, statement and place, and no data")
    func errorsRedacted() async throws {
        try await withConnection { connection in
            try await connection.script(
                "CREATE TEMPORARY TABLE people (name text CONSTRAINT people_once UNIQUE); INSERT INTO people VALUES ('Ada Secret')"
            )
            let insert = PostgresStatement("insert_person", "INSERT INTO people VALUES ($1)")
            let error = await postgresError {
                try await connection.perform { _ = try $0.execute(insert, [.text("Ada Secret")]) }
            }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "people_once")
            #expect(error?.statement == "insert_person")
            #expect(error?.file?.hasSuffix("StatementTests.swift") == true)
            #expect(error.map { "\($0)" }?.contains("Ada") == false)
            #expect(error.map { String(reflecting: $0) }?.contains("Ada") == false)

            let cast = await postgresError {
                _ = try await connection.values("SELECT $1::int8", [.text("Ada Secret")], as: Int64.self)
            }
            #expect(cast?.isInvalidInput == true)
            #expect(cast.map { "\($0)" }?.contains("Ada") == false)
        }
    }

    @Test("the session has the limits of its configuration")
    func settings() async throws {
        var configuration = try Server.configuration(name: "settings-test")
        configuration.statementTimeout = .milliseconds(2500)
        try await withConnection(configuration) { connection in
            let expected = [
                "statement_timeout": "2500ms", "lock_timeout": "1s", "idle_in_transaction_session_timeout": "5s",
                "client_connection_check_interval": "500ms", "application_name": "settings-test",
                "client_encoding": "UTF8",
            ]
            for (name, value) in expected {
                try await connection.expect("SELECT current_setting($1)", [.text(name)], is: [value])
            }
        }
    }

    @Test("what the connection string says about limits and name wins")
    func settingsOfTheURL() async throws {
        let url = try Server.configuration().connectionString
        let separator = url.contains("?") ? "&" : "?"
        let options = "options=-c%20statement_timeout%3D7s&application_name=chosen"
        try await withConnection(PostgresConfiguration(connectionString: url + separator + options)) { connection in
            try await connection.expect("SELECT current_setting('statement_timeout')", is: ["7s"])
            try await connection.expect("SELECT current_setting('lock_timeout')", is: ["1s"])
            try await connection.expect("SELECT current_setting('application_name')", is: ["chosen"])
            // The client waits as long as the server may take.
            try await connection.expect("SELECT 1 FROM pg_sleep(4)", is: [Int32(1)])
        }
    }

    @Test("statement_timeout ends a statement, and the connection stays")
    func statementTimeout() async throws {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .milliseconds(100)
        try await withConnection(configuration) { connection in
            let error = await postgresError { try await connection.script("SELECT pg_sleep(30)") }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .queryCanceled)
            #expect(error?.isRetryable == true)
            try await connection.expect("SELECT 1", is: [Int32(1)])
        }
    }

    @Test("COPY is refused, and does not hang")
    func copy() async throws {
        try await withConnection { connection in
            let error = await postgresError { try await connection.script("COPY (SELECT 1) TO STDOUT") }
            #expect(error != nil)
            #expect(!connection.isOpen)
        }
    }

    @Test("large results and large binds pass through a full socket")
    func large() async throws {
        var configuration = try Server.configuration()
        configuration.statementTimeout = .seconds(20)
        try await withConnection(configuration) { connection in
            let bytes = [UInt8](repeating: 7, count: 20_000_000)
            try await connection.expect("SELECT $1::bytea", [.bytes(bytes)], is: [bytes])
        }
    }
}

import CLibPQ

/// Owns one `PGresult`.
@safe
struct ResultHandle: ~Copyable {
    enum Outcome { case succeeded, failed, copying }

    private let raw: OpaquePointer

    /// The only way in: takes over what libpq returned.
    init?(taking raw: OpaquePointer?) {
        guard let raw = unsafe raw else { return nil }
        unsafe self.raw = raw
    }

    deinit {
        unsafe PQclear(self.raw)
    }

    var outcome: Outcome {
        switch unsafe PQresultStatus(self.raw) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: .succeeded
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: .copying
        default: .failed
        }
    }

    /// E.g. `COMMIT`, or `ROLLBACK` in answer to a COMMIT of a failed transaction.
    var commandTag: String {
        unsafe PQcmdStatus(self.raw).map { unsafe String(cString: $0) } ?? ""
    }

    var affectedRowCount: Int {
        unsafe PQcmdTuples(self.raw).flatMap { unsafe Int(String(cString: $0)) } ?? 0
    }

    var rowCount: Int { Int(unsafe PQntuples(self.raw)) }

    /// Runs `body` for each row; the rows point into this result and end with it.
    func mapRows<R>(_ body: (borrowing PostgresRow) throws -> R) rethrows -> [R] {
        var values: [R] = []
        values.reserveCapacity(self.rowCount)
        for index in 0..<Int32(self.rowCount) {
            let row = unsafe PostgresRow(result: self.raw, index: index)
            values.append(try body(row))
        }
        return values
    }

    /// The failure this result reports; libpq's own ones have no SQLSTATE.
    var failure: ServerFailure {
        ServerFailure(
            sqlState: unsafe Self.field(CLIBPQ_DIAG_SQLSTATE, of: self.raw).map(SQLState.init(rawValue:)),
            constraint: unsafe Self.field(CLIBPQ_DIAG_CONSTRAINT, of: self.raw),
            message: self.message
        )
    }

    private var message: String? {
        if let primary = unsafe Self.field(CLIBPQ_DIAG_MESSAGE, of: self.raw) { return primary }
        return unsafe PQresultErrorMessage(self.raw).map { unsafe String(cString: $0) }
    }

    static func field(_ field: Int32, of result: OpaquePointer) -> String? {
        unsafe PQresultErrorField(result, field).map { unsafe String(cString: $0) }
    }
}

/// What a failed result says, copied out of it.
struct ServerFailure: Sendable {
    let sqlState: SQLState?
    let constraint: String?
    let message: String?
}

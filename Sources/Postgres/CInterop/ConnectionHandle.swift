import CLibPQ

/// Owns one `PGconn`. Used on its connection's thread only; nothing here waits.
///
/// After `close` the pointer is null, which every libpq call takes for a bad connection.
/// <https://www.postgresql.org/docs/15/libpq-async.html>
@safe
struct ConnectionHandle: ~Copyable {
    enum ConnectProgress { case wantsRead, wantsWrite, connected, failed }
    enum FlushProgress { case done, pending, failed }
    enum TransactionStatus { case idle, active, inTransaction, inFailedTransaction, unknown }

    private var raw: OpaquePointer?

    /// No connection yet.
    init() {
        unsafe self.raw = nil
    }

    deinit {
        unsafe PQfinish(self.raw)
    }

    mutating func close() {
        unsafe PQfinish(self.raw)
        unsafe self.raw = nil
    }

    // MARK: Connecting

    /// Begins to connect; resolves host names, which may block this thread. False: see `errorMessage`.
    mutating func startConnecting(_ keywords: [(keyword: String, value: String)]) -> Bool {
        self.close()
        unsafe self.raw = unsafe withCStrings(keywords.map(\.keyword)) { names in
            unsafe withCStrings(keywords.map(\.value)) { values in
                unsafe PQconnectStartParams(names, values, 1)
            }
        }
        return !self.isBad
    }

    /// <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS>
    func continueConnecting() -> ConnectProgress {
        switch unsafe PQconnectPoll(self.raw) {
        case PGRES_POLLING_READING: .wantsRead
        case PGRES_POLLING_WRITING: .wantsWrite
        case PGRES_POLLING_OK: .connected
        default: .failed
        }
    }

    /// From here on a send never blocks.
    func setNonBlocking() -> Bool {
        unsafe PQsetnonblocking(self.raw, 1) == 0
    }

    /// The options in force, e.g. `connect_timeout`.
    var options: [String: String] {
        guard let options = unsafe PQconninfo(self.raw) else { return [:] }
        defer { unsafe PQconninfoFree(options) }
        return unsafe ConnectionOptions.values(options)
    }

    /// The server that libpq talks to, or tries at the moment.
    var host: String { unsafe PQhost(self.raw).map { unsafe String(cString: $0) } ?? "" }
    var port: String { unsafe PQport(self.raw).map { unsafe String(cString: $0) } ?? "" }

    // MARK: State

    /// -1 without a connection.
    var socket: Int32 { unsafe PQsocket(self.raw) }
    var isBad: Bool { unsafe PQstatus(self.raw) == CONNECTION_BAD }
    /// libpq's own words about the last failure; of a statement they may quote values.
    var errorMessage: String {
        unsafe PQerrorMessage(self.raw).map { unsafe String(cString: $0) } ?? ""
    }

    var transactionStatus: TransactionStatus {
        switch unsafe PQtransactionStatus(self.raw) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_ACTIVE: .active
        case PQTRANS_INTRANS: .inTransaction
        case PQTRANS_INERROR: .inFailedTransaction
        default: .unknown
        }
    }

    /// What is needed to cancel the statement under way; usable from another thread.
    func makeCancelRequest() -> CancelRequest? {
        unsafe PQgetCancel(self.raw).map { unsafe CancelRequest(taking: $0) }
    }

    /// Sends the server's notices to `sink`, which must live as long as this handle.
    func setNoticeSink(_ sink: NoticeSink) {
        unsafe PQsetNoticeReceiver(
            self.raw,
            { context, result in
                guard let context = unsafe context, let result = unsafe result else { return }
                let sink = unsafe Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue()
                sink.receive(
                    severity: unsafe ResultHandle.field(CLIBPQ_DIAG_SEVERITY, of: result),
                    sqlState: unsafe ResultHandle.field(CLIBPQ_DIAG_SQLSTATE, of: result),
                    serverFunction: unsafe ResultHandle.field(CLIBPQ_DIAG_SOURCE_FUNCTION, of: result)
                )
            },
            Unmanaged.passUnretained(sink).toOpaque()
        )
    }

    // MARK: Sending (queued when false is not returned; flush until `.done`)

    /// Simple protocol: several statements, text results.
    func sendScript(_ sql: String) -> Bool {
        unsafe PQsendQuery(self.raw, sql) == 1
    }

    func sendPrepare(name: String, sql: String, types: [PostgresType]) -> Bool {
        unsafe PQsendPrepare(self.raw, name, sql, Int32(types.count), types.map(\.rawValue)) == 1
    }

    func sendPrepared(name: String, _ parameters: EncodedParameters) -> Bool {
        unsafe parameters.withPointers { count, _, values, lengths, formats in
            unsafe PQsendQueryPrepared(self.raw, name, count, values, lengths, formats, 1) == 1
        }
    }

    /// Parses, binds and executes without a name, in one round trip.
    func sendUnprepared(sql: String, _ parameters: EncodedParameters) -> Bool {
        unsafe parameters.withPointers { count, types, values, lengths, formats in
            unsafe PQsendQueryParams(self.raw, sql, count, types, values, lengths, formats, 1) == 1
        }
    }

    func flush() -> FlushProgress {
        switch unsafe PQflush(self.raw) {
        case 0: .done
        case 1: .pending
        default: .failed
        }
    }

    // MARK: Receiving

    /// Takes in what has arrived; false when the connection is gone.
    func consumeInput() -> Bool {
        unsafe PQconsumeInput(self.raw) == 1
    }

    /// True while `nextResult` would block.
    var isBusy: Bool { unsafe PQisBusy(self.raw) == 1 }

    /// `nil` when the statement has no more.
    func nextResult() -> ResultHandle? {
        unsafe ResultHandle(taking: PQgetResult(self.raw))
    }
}

/// Lends a null-terminated array of C strings.
private func withCStrings<R>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
) -> R {
    let bytes = strings.flatMap { Array($0.utf8CString) }
    return unsafe bytes.withUnsafeBufferPointer { buffer in
        var pointers: [UnsafePointer<CChar>?] = unsafe []
        var next = buffer.baseAddress
        for string in strings {
            unsafe pointers.append(next)
            unsafe next = next.map { unsafe $0 + string.utf8CString.count }
        }
        unsafe pointers.append(nil)
        return unsafe pointers.withUnsafeBufferPointer { list in
            guard let base = list.baseAddress else { preconditionFailure("the list ends with a null") }
            return unsafe body(base)
        }
    }
}

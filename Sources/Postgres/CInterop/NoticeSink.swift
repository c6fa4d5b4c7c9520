import Logging
import Synchronization

/// Where the server's notices go instead of stderr: the log, without their text, which may quote values.
final class NoticeSink: Sendable {
    private let logger: Logger
    private let unreplicated = Atomic(false)

    init(logger: Logger) {
        self.logger = logger
    }

    /// `serverFunction` is where in its source the server raised the notice: unlike the text, it is the same in every
    /// language.
    func receive(severity: String?, sqlState: String?, serverFunction: String?) {
        // The one warning of this function (syncrep.c): the wait for a standby was cancelled.
        if serverFunction == "SyncRepWaitForLSN" { self.unreplicated.store(true, ordering: .relaxed) }
        self.logger.debug(
            "Notice from the server",
            metadata: ["postgres.severity": "\(severity ?? "")", "postgres.sqlstate": "\(sqlState ?? "")"]
        )
    }

    /// Whether, since the last call, the server has warned that a commit succeeded without its standby.
    func takeUnreplicated() -> Bool {
        self.unreplicated.exchange(false, ordering: .relaxed)
    }
}

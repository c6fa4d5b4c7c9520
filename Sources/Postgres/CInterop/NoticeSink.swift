import Logging

/// Where the server's notices go instead of stderr: the log, without their text, which may quote values.
final class NoticeSink: Sendable {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    func receive(severity: String?, sqlState: String?) {
        self.logger.debug(
            "Notice from the server",
            metadata: ["postgres.severity": "\(severity ?? "")", "postgres.sqlstate": "\(sqlState ?? "")"]
        )
    }
}

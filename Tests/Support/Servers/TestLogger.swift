import Logging

extension Logger {
    /// The log of the tests' own connections: what goes wrong there, and nothing else.
    static var tests: Logger {
        var logger = Logger(label: "tests")
        logger.logLevel = .warning
        return logger
    }
}

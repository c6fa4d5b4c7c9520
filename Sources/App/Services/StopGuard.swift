import Foundation
import Logging
import ServiceLifecycle

/// From the first signal to stop on: the next one has its default effect again and ends the process at once, and so does the limit, should
/// a server that does not answer hold the stop up.
///
/// Last in its group, so that it hears of the shutdown first.
struct StopGuard: Service {
    /// Promised: an exit within 10 seconds.
    private static let limit = DispatchTimeInterval.milliseconds(9500)

    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        Self.restoreDefaults()
        self.logger.notice("stopping")
        let logger = self.logger
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.limit) {
            // As safe as being killed, which loses nothing.
            logger.warning("stopped in the middle of work: the shutdown took too long")
            _exit(0)
        }
    }

    private static func restoreDefaults() {
        // Dispatch blocks all signals on each thread that has met one, to read them from a signalfd. One thread that takes
        // them is enough for the kernel.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_DFL)
            sigaddset(&signals, number)
        }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}

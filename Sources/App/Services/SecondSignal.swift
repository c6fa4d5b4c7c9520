import Foundation
import Logging
import ServiceLifecycle

/// From the first signal to stop on, gives the next one back its default effect: it ends the process at once.
///
/// Last in its group, so that it hears of the shutdown first.
struct SecondSignal: Service {
    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        Self.restoreDefaults()
        self.logger.notice("stopping")
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

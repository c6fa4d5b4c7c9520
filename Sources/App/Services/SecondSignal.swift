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
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_DFL)
        }
        self.logger.notice("stopping")
    }
}

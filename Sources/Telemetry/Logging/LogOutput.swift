import Foundation
import Synchronization

/// Where log lines go.
package struct LogOutput: Sendable {
    /// Takes a whole line. Lines of several threads must not mix.
    package let write: @Sendable (String) -> Void

    package init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// Unbuffered: a line is out when the call returns, so a crash after it loses nothing.
    package static let standardError = LogOutput { line in
        Self.standardErrorLock.withLock { _ in
            // A closed or full standard error must not stop the service, and there is no other place to say so.
            try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
        }
    }

    /// A pipe takes only 4 KiB (PIPE_BUF) in one piece; longer lines would mix without it.
    private static let standardErrorLock = Mutex(())
}

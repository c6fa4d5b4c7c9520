import CLibPQ
import Synchronization

/// Asks the server to end the statement under way, over a connection of its own.
///
/// `PQcancel` blocks, for as long as the server's host pleases, so it runs on a thread of its own and nobody waits for
/// it without a deadline. Until it has finished the connection must not send another statement: the request names a
/// session, not a statement. <https://www.postgresql.org/docs/15/libpq-cancel.html>
@safe
final class CancelRequest: Sendable {
    // The pointer is written once; PQcancel, on one thread, is its only user.
    nonisolated(unsafe) private let raw: OpaquePointer
    private let finished = Atomic(false)

    /// Takes over what `PQgetCancel` returned.
    init(taking raw: OpaquePointer) {
        unsafe self.raw = raw
    }

    deinit {
        unsafe PQfreeCancel(self.raw)
    }

    /// True once the server has taken the request, or could not be reached.
    var isFinished: Bool { self.finished.load(ordering: .acquiring) }

    /// Sends the request; signals `wake` when it has finished.
    func send(signalling wake: WakeDescriptor) {
        let sending: @Sendable () -> Void = {
            var message = [CChar](repeating: 0, count: 256)
            // Its failure changes nothing: the wait for the result has a deadline.
            _ = unsafe PQcancel(self.raw, &message, Int32(message.count))
            self.finished.store(true, ordering: .releasing)
            wake.signal()
        }
        do throws(PostgresError) {
            try startThread(sending)
        } catch {
            // Not sent; the statement's deadline is what is left.
            self.finished.store(true, ordering: .releasing)
        }
    }
}

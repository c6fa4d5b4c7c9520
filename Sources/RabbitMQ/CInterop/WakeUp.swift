import CRabbitMQ
import Glibc

/// Wakes a thread that sleeps in `poll`, from any other thread.
///
/// Manual: eventfd(2). The number is owned here and closed with the last reference.
final class WakeUp: Sendable {
    let fileDescriptor: Int32

    init() throws(RabbitMQError) {
        self.fileDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard self.fileDescriptor >= 0 else {
            throw RabbitMQError(.unreachable, "eventfd failed, errno \(errno)")
        }
    }

    deinit { close(self.fileDescriptor) }

    func signal() {
        // Fails only when 2^64 - 2 signals wait, and then the thread is awake anyway.
        _ = eventfd_write(self.fileDescriptor, 1)
    }

    func clear() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(self.fileDescriptor, &count)
    }
}

import Synchronization

/// A value that another thread gives once, for any number of tasks that await it.
///
/// The first ``fulfil(_:)`` wins; later ones are ignored, so every path that may end a call can simply end it.
final class Promise<Value: Sendable>: Sendable {
    private enum State {
        case waiting([UInt64: @Sendable (Value) -> Void], nextID: UInt64)
        case fulfilled(Value)
    }

    private let state = Mutex(State.waiting([:], nextID: 0))

    /// The value, if it is there.
    var current: Value? {
        self.state.withLock { state in
            if case .fulfilled(let value) = state { value } else { nil }
        }
    }

    func fulfil(_ value: Value) {
        let observers: [UInt64: @Sendable (Value) -> Void] = self.state.withLock { state in
            guard case .waiting(let observers, _) = state else { return [:] }
            state = .fulfilled(value)
            return observers
        }
        for observer in observers.values { observer(value) }
    }

    /// Waits for the value. Cancellation does not end the wait: whoever fulfils the promise must be bounded in time.
    func value() async -> Value {
        await withCheckedContinuation { continuation in
            self.observe { continuation.resume(returning: $0) }
        }
    }

    /// Waits for the value; nothing if the calling task is cancelled first.
    func valueUnlessCancelled() async -> Value? {
        let first = Promise<Value?>()
        let observer = self.observe { first.fulfil($0) }
        return await withTaskCancellationHandler {
            await first.value()
        } onCancel: {
            if let observer { self.forget(observer) }
            first.fulfil(nil)
        }
    }

    /// Calls back once, at once if the value is there; the number is for ``forget(_:)``.
    @discardableResult
    private func observe(_ observer: @escaping @Sendable (Value) -> Void) -> UInt64? {
        let (id, value): (UInt64?, Value?) = self.state.withLock { state in
            switch state {
            case .fulfilled(let value):
                return (nil, value)
            case .waiting(var observers, let id):
                observers[id] = observer
                state = .waiting(observers, nextID: id + 1)
                return (id, nil)
            }
        }
        if let value { observer(value) }
        return id
    }

    private func forget(_ id: UInt64) {
        self.state.withLock { state in
            guard case .waiting(var observers, let nextID) = state else { return }
            observers[id] = nil
            state = .waiting(observers, nextID: nextID)
        }
    }
}

typealias Reply<Value: Sendable> = Promise<Result<Value, RabbitMQError>>

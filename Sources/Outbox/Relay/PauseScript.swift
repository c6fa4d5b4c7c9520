#if DEBUG
    import Foundation
    import Synchronization

    /// What to do at which point: `name[:n]=kill|stop|sleep:MILLISECONDS`, at the n-th time it is reached and not again.
    struct PauseScript {
        enum Action: Equatable {
            case kill
            case stop
            case sleep(milliseconds: UInt32)
        }

        /// Of the process's environment.
        private static let ofProcess: Mutex<PauseScript?> = {
            guard let text = ProcessInfo.processInfo.environment["SKILLRELAY_PAUSE_POINT"] else { return Mutex(nil) }
            // A misspelt script would let its test pass without a fault.
            guard let script = PauseScript(text) else { preconditionFailure("SKILLRELAY_PAUSE_POINT: \(text)") }
            return Mutex(script)
        }()

        /// Does on the calling thread what is due now that the process has reached `point`.
        static func obey(_ point: PausePoint) {
            switch Self.ofProcess.withLock({ $0?.reached(point) }) {
            case nil: break
            case .kill: kill(getpid(), SIGKILL)
            case .stop: kill(getpid(), SIGSTOP)
            case .sleep(let milliseconds): usleep(milliseconds * 1000)
            }
        }

        private let point: PausePoint
        private let action: Action
        private var timesLeft: Int

        /// Nil for a text that does not have the form above.
        init?(_ text: String) {
            let sides = text.split(separator: "=", omittingEmptySubsequences: false)
            guard sides.count == 2 else { return nil }
            let name = sides[0].split(separator: ":", omittingEmptySubsequences: false)
            guard name.count <= 2, let point = PausePoint(rawValue: String(name[0])),
                let times = name.count == 2 ? Int(name[1]) : 1, times > 0
            else { return nil }
            self.point = point
            self.timesLeft = times
            switch sides[1].split(separator: ":", omittingEmptySubsequences: false) {
            case ["kill"]: self.action = .kill
            case ["stop"]: self.action = .stop
            case let words where words.count == 2 && words[0] == "sleep":
                guard let milliseconds = UInt32(words[1]), milliseconds <= 3_600_000 else { return nil }
                self.action = .sleep(milliseconds: milliseconds)
            default: return nil
            }
        }

        /// The action that is due now that `point` is reached.
        mutating func reached(_ point: PausePoint) -> Action? {
            guard point == self.point, self.timesLeft > 0 else { return nil }
            self.timesLeft -= 1
            return self.timesLeft == 0 ? self.action : nil
        }
    }
#endif

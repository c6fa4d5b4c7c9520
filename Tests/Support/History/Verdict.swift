/// What a run's history says about the promises.
package struct Verdict: Sendable {
    package var violations: [Violation] = []
    package var acceptedCount = 0
    package var unknownCount = 0
    package var eventCount = 0
    /// Messages that came more than once through the sender's doing.
    package var duplicateCount = 0
    /// Messages that came more than once because the consumer had not acknowledged them.
    package var redeliveredCount = 0
    package var incidents: [Finding] = []

    /// What happened while one fault lasted.
    package struct Finding: Sendable {
        package let incident: Incident
        package var eventCount = 0
        package var duplicateCount = 0
    }

    package func count(of kind: Violation.Kind) -> Int {
        self.violations.count { $0.kind == kind }
    }
}

/// A promise that was broken.
package struct Violation: Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// Accepted and not written, written and not delivered, or said to be delivered and never received.
        case lost
        /// A message without an event, or another message than the event; an effect of a refused request.
        case phantom
        /// One request wrote more than one event.
        case doubledEvent = "doubled event"
        /// A message came again, and no fault explains it.
        case duplicated
        /// A message came again without the mark that its sender could have given it.
        case unmarked
        /// In two places at once, or parked.
        case outOfPlace = "out of place"
        /// Still to be sent, though nothing is in the way.
        case stuck
        /// The system needed longer than it may to be well again.
        case slow
    }

    package let kind: Kind
    /// The event or the task that it happened to.
    package let subject: String
    package let what: String
    package let at: Duration

    package var description: String { "\(self.kind.rawValue): \(self.subject): \(self.what)" }
}

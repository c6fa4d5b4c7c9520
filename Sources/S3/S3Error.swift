/// Why an object could not be had or kept, in a form that may be logged: no key, no signature, nothing of an object.
package struct S3Error: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The server cannot be reached, or cannot serve now: the same may succeed later.
        case unavailable
        /// The object is not there. That it cannot be removed, then, is no error.
        case objectMissing
        /// The server does not take us for whom we say we are, or does not let us.
        case accessDenied
        /// Anything else that the server refuses: a missing bucket, a request it does not understand.
        case refused
        /// The object is larger than the caller can take.
        case tooLarge
        /// The server answered with something that is not understood.
        case malformedAnswer
        /// The calling task was cancelled; whether the server has done it is not known.
        case cancelled
    }

    package let code: Code
    /// What was done, e.g. `GET`.
    package let operation: String
    /// The server's own word, such as `NoSuchBucket`, or the kind of the failure on the way to it.
    package let reason: String

    package init(_ code: Code, operation: String, reason: String) {
        self.code = code
        self.operation = operation
        self.reason = reason
    }

    package var description: String { "object store \(self.operation): \(self.code.rawValue): \(self.reason)" }
}

import Foundation
import Hummingbird

extension ProjectContext {
    /// The path's parameter of this name, which is an id.
    ///
    /// - Throws: `error` when it is none.
    func id(_ name: String, else error: RequestError = .invalidParameter) throws(RequestError) -> UUID {
        guard let id = pathID(self.parameters.get(name)) else { throw error }
        return id
    }

    /// The path's parameter of this name, decoded.
    ///
    /// - Throws: `RequestError.invalidParameter` when that cannot be done.
    func text(_ name: String) throws(RequestError) -> String {
        guard let text = self.parameters.get(name)?.removingPercentEncoding else { throw .invalidParameter }
        return text
    }
}

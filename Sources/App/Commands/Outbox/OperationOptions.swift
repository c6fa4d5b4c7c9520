import ArgumentParser
import Foundation
import Outbox

/// Who asks for an operation: what is kept with it.
struct OperatorOption: ParsableArguments {
    @Option(help: "Who you are, for the audit trail.")
    var by = Self.name

    /// Whoever called sudo, or the user, on this machine.
    private static var name: String {
        let environment = ProcessInfo.processInfo.environment
        let name = ["SUDO_USER", "USER"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        return "\(name ?? NSUserName())@\(RelayInstance(version: version).host)"
    }
}

/// For what changes many events.
struct ChangeOptions: ParsableArguments {
    @Option(help: "Why: kept in the audit trail. Required, but for a dry run.")
    var reason: String?

    @OptionGroup var by: OperatorOption

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @Flag(help: "Do not ask, however many events there are.")
    var yes = false

    /// What nobody is asked for.
    static let unasked = 1000

    func validate() throws {
        if !self.dryRun, self.reason == nil {
            throw ValidationError("--reason is required; --dry-run says what would be done")
        }
    }

    func attribution() throws -> Attribution {
        try Attribution(by: self.by.by, reason: self.reason ?? "")
    }

    /// Asks, on a terminal, whether so many events are meant.
    ///
    /// - Throws: when they are not, or nobody can be asked.
    func confirm(_ count: Int, _ verb: String) throws {
        guard count > Self.unasked, !self.yes else { return }
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("\(count) events: say --yes to \(verb) more than \(Self.unasked)")
        }
        FileHandle.standardError.write(Data("Type \(count) to \(verb) \(count) events: ".utf8))
        guard readLine(strippingNewline: true) == "\(count)" else {
            throw OperationError.conflict("not confirmed, nothing was changed")
        }
    }
}

import ArgumentParser
import Foundation
import Telemetry

/// The command line program.
package enum Program {
    /// Runs what the process's arguments ask for and ends the process with the exit code that says how it went.
    package static func run() async -> Never {
        // A reader that went away is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try await SkillRelayCommand.asyncParseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = Failure(error) else {
                SkillRelayCommand.exit(withError: error)
            }
            LogOutput.standardError.write("skillrelay: \(failure.message.printable)\n")
            exit(failure.status.rawValue)
        }
        exit(EXIT_SUCCESS)
    }
}

import ArgumentParser
import Foundation
import Outbox
import Postgres

/// How a run is done, and how the command that asks for it follows it.
struct RunOptions: ParsableArguments {
    @Option(help: "Events a second, from 1 to 100000; otherwise as fast as they go out.")
    var rate: Int?

    @Flag(help: "Do not wait for the end: print the run and go.")
    var detach = false

    /// Says what would be done, or asks for the run and follows it.
    func perform(_ request: ReplayRequest, _ change: ChangeOptions, _ output: OutputOptions) async throws {
        let run: Replay? = try await OutboxDatabase.lend(timeout: .seconds(600)) { connection in
            let estimate = try await connection.perform { session in
                try EventEstimate.read(request.filter, rate: request.rate, in: session)
            }
            guard !change.dryRun else {
                try estimate.print(output)
                return nil
            }
            try change.confirm(estimate.count, request.kind.rawValue)
            let attribution = try change.attribution()
            return try await connection.perform { session in try request.submit(attribution, in: session) }
        }
        guard let run else { return }
        guard !self.detach else { return try run.print(output) }
        try await ReplayFollower(run).follow(output, isNew: true)
    }
}

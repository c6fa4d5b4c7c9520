/// Moments between two promises, at which the failure tests kill, stop or delay the process. A release build has none.
enum PausePoint: String {
    /// A batch is claimed, nothing of it is published.
    case claimDone = "claim_done"
    /// The broker has answered, nothing of it is written.
    case beforeMark = "before_mark"
    /// The answers are written, not committed.
    case markBeforeCommit = "mark_before_commit"
    case afterCommit = "after_commit"
    /// The last batch is settled, the relay's connection is still open.
    case beforeShutdown = "before_shutdown"

    /// Obeys `SKILLRELAY_PAUSE_POINT`, on the calling thread.
    func reach() {
        #if DEBUG
            PauseScript.obey(self)
        #endif
    }
}

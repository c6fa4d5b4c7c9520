/// A stretch of the claim's order: the rows after one place, through another.
struct ClaimRange: Equatable {
    var after: Int64
    var through: Int64
}

/// How far a claim has come in its range.
struct ClaimReach: Equatable {
    /// What is due up to here was claimed, or is somebody else's, or was passed over.
    var through: Int64
    /// More was found than was taken: there is more after `through`.
    var isFull = false
    /// The bound of bytes has left out some of what was found; they are locked until the claim is settled.
    var isCut = false
    /// No row was written beyond the range.
    var isAtHead = false
    /// There is no row in the range at all.
    var isVoid = false
}

/// A type's object id; the built-in ones are fixed (`pg_type.dat`).
struct PostgresType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt32

    /// The server infers the type.
    static let unspecified = PostgresType(rawValue: 0)
    static let bool = PostgresType(rawValue: 16)
    static let bytea = PostgresType(rawValue: 17)
    static let char = PostgresType(rawValue: 18)
    static let name = PostgresType(rawValue: 19)
    static let int8 = PostgresType(rawValue: 20)
    static let int2 = PostgresType(rawValue: 21)
    static let int4 = PostgresType(rawValue: 23)
    static let text = PostgresType(rawValue: 25)
    static let oid = PostgresType(rawValue: 26)
    static let json = PostgresType(rawValue: 114)
    static let float4 = PostgresType(rawValue: 700)
    static let float8 = PostgresType(rawValue: 701)
    static let unknown = PostgresType(rawValue: 705)
    static let byteaArray = PostgresType(rawValue: 1001)
    static let int4Array = PostgresType(rawValue: 1007)
    static let textArray = PostgresType(rawValue: 1009)
    static let int8Array = PostgresType(rawValue: 1016)
    static let bpchar = PostgresType(rawValue: 1042)
    static let varchar = PostgresType(rawValue: 1043)
    static let timestamptz = PostgresType(rawValue: 1184)
    static let uuid = PostgresType(rawValue: 2950)
    static let uuidArray = PostgresType(rawValue: 2951)
    static let jsonb = PostgresType(rawValue: 3802)

    /// The arrays that ``PostgresDecodable`` reads; any other type's bytes would be taken for something they are not.
    var isArray: Bool { Self.arrays.contains(self) }

    // bool, bytea, char, name, int2, int4, text, bpchar, varchar, int8, float4, float8, json, timestamptz, uuid, jsonb.
    private static let arrays = Set<PostgresType>(
        [1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 199, 1185, 2951, 3807]
            .map(PostgresType.init(rawValue:))
    )

    var description: String { "type \(self.rawValue)" }
}

-- A header's name is an AMQP short string too (AMQP 0-9-1 §4.2.5.5): at most 255 bytes. An event that broke this could be written, and
-- never published. ASCII, because a check of a jsonb value can count characters only.
-- NOT VALID: what is there stays as it is, and a large history is not read under a lock.
ALTER TABLE skillrelay.outbox ADD CONSTRAINT outbox_header_names CHECK (
    NOT jsonb_path_exists(headers, 'strict $.keyvalue() ? (!(@.key like_regex "^[ -~]{1,255}$"))', silent => true)) NOT VALID;

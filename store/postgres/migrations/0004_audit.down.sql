DROP TABLE audit, audit_links, audit_chain; DROP FUNCTION audit_is_append_only;

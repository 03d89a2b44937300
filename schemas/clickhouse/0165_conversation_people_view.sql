-- Whose each conversation is: the customer named in it, else whose turn it was on a device of several, else whose its visitor or contact
-- is by the links, or of whom that customer is another id; else the visitor's or contact's own.
CREATE OR REPLACE VIEW {database}.conversation_people {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    conversation_id String COMMENT 'Id of the conversation',
    opened_at DateTime64(3, 'UTC') COMMENT 'First entry, ms, UTC',
    visitor String COMMENT 'Visitor id, empty if unknown',
    customer String COMMENT 'Customer it is of, aliases followed; empty if unknown',
    person String COMMENT 'Key of the journey it belongs to, 32 hexadecimal digits'
)
AS SELECT
    own.site AS site,
    own.conversation_id AS conversation_id,
    own.opened_at AS opened_at,
    own.visitor AS visitor,
    if(own.own_customer != '' AND merged.merged_customer != '', merged.merged_customer, own.own_customer) AS customer,
    if(own.own_customer != '' AND merged.merged_customer != '', merged.person, own.own_person) AS person
FROM
(
    SELECT
        conversations.site AS site,
        conversations.conversation_id AS conversation_id,
        conversations.opened_at AS opened_at,
        conversations.visitor AS visitor,
        multiIf(NOT is_by_link, conversations.customer, turns.customer != '', turns.customer, links.customer) AS own_customer,
        multiIf(NOT is_by_link, conversations.person, turns.customer != '', turns.person, links.person) AS own_person,
        conversations.customer = ''
            AND (turns.customer != '' OR (links.customer != '' AND conversations.opened_at >= links.reaches_from)) AS is_by_link
    FROM {database}.conversations AS conversations
    LEFT JOIN
    (
        SELECT site, toString(id_kind) AS id_kind, id, customer, person, assumeNotNull(reaches_from) AS reaches_from
        FROM {database}.identity_links
        WHERE id_kind IN ('visitor', 'contact') AND standing = 'linked'
    ) AS links
        ON links.site = conversations.site
        AND links.id_kind = if(conversations.visitor != '', 'visitor', 'contact')
        AND links.id = if(conversations.visitor != '', conversations.visitor, conversations.contact)
    ASOF LEFT JOIN {database}.device_turns AS turns
        ON turns.site = conversations.site AND turns.visitor = conversations.visitor AND turns.started_at <= conversations.opened_at
) AS own
ASOF LEFT JOIN {database}.merged_customers AS merged
    ON merged.site = own.site AND merged.customer = own.own_customer AND merged.reaches_from <= own.opened_at
COMMENT 'Whose each conversation is: the customer named in it, else whose its visitor or contact is by the links, aliases followed'

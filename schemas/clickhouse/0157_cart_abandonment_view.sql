-- Carts left without a purchase, and those that led to one.
CREATE OR REPLACE VIEW {database}.cart_abandonment {on_cluster}
(
    site LowCardinality(String) COMMENT 'Site (property, tenant)',
    day Date COMMENT 'Day the cart was abandoned or bought, UTC',
    device LowCardinality(String) COMMENT 'Device class of the last activity',
    currency LowCardinality(String) COMMENT 'Currency of the values, ISO 4217',
    abandoned_count UInt64 COMMENT 'Carts abandoned, count',
    left_count UInt64 COMMENT 'Abandoned carts that were left with something in them, count',
    emptied_count UInt64 COMMENT 'Abandoned carts that were emptied, count',
    checkout_count UInt64 COMMENT 'Abandoned carts that had reached the checkout, count',
    bought_count UInt64 COMMENT 'Purchases that a cart led to, count',
    abandonment_share Float64 COMMENT 'abandoned_count / (abandoned_count + bought_count), 0 to 1',
    abandoned_value Decimal(38, 6) COMMENT 'Value of the abandoned carts at the end, in units of currency',
    peak_value Decimal(38, 6) COMMENT 'Highest values the abandoned carts had, summed, in units of currency'
)
AS SELECT
    site,
    day,
    device,
    currency,
    sum(is_abandoned) AS abandoned_count,
    sum(is_left) AS left_count,
    sum(is_emptied) AS emptied_count,
    sum(is_checkout) AS checkout_count,
    sum(is_bought) AS bought_count,
    abandoned_count / (abandoned_count + bought_count) AS abandonment_share,
    sum(value) AS abandoned_value,
    sum(cart.peak_value) AS peak_value
FROM
(
    SELECT
        site, toDate(true_at) AS day, device, currency, 1 AS is_abandoned, how = 'left' AS is_left,
        how = 'emptied' AS is_emptied, phase = 'checkout' AS is_checkout, 0 AS is_bought, value, peak_value
    FROM {database}.breadcrumbs
    WHERE kind = 'cart_abandoned'
    UNION ALL
    SELECT
        site, toDate(converted_at) AS day, device, currency, 0, 0, 0, 0, 1, toDecimal64(0, 6), toDecimal64(0, 6)
    FROM {database}.conversions
    WHERE kind = 'purchase' AND has_cart
) AS cart
GROUP BY site, day, device, currency
COMMENT 'Carts left without a purchase, and those that led to one'

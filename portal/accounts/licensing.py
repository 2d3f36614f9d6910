"""What each product includes. Source: *Requirements* in the specification."""

from portal.models import Product

# Each covers the numbers in outbound dialer campaigns, without a seat of the SKU.
CAMPAIGN_PRODUCTS = frozenset({Product.CONTACT_CENTER_PREMIUM, Product.CONTACT_CENTER_ELITE, Product.AUTO_DIALER})
# Any other number needs one of these products and a free seat of the SKU.
BASE_PRODUCTS = frozenset(Product) - {Product.MONITORING_SKU}
SEAT_PRODUCT = Product.MONITORING_SKU

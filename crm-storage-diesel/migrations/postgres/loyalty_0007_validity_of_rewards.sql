ALTER TABLE crm_loyalty_referral_rewards ADD COLUMN validity jsonb;
